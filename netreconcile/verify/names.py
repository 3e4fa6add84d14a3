"""How the network's DNS stands: whether it answers, and whether it knows the names of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.verify.experience import Answer, Nothing, Question, Reply
from netreconcile.verify.hints import CONTENTS, DAEMON, SAMPLE
from netreconcile.verify.options import excused
from netreconcile.verify.questions import records
from netreconcile.verify.verdict import Verdict, judged, unseen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.verify.experience import Experience
    from netreconcile.verify.target import Target

_CASELESS = ("PTR", "SRV")
"""Records whose values are names, in which case doesn't count."""


def names(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    """Yield how the promises about DNS stand."""
    for own in target.hosts:
        yield from _server(target, str(own.ip), seen, full=full)
    yield from excused(_records(target, seen, full=full), target.network)


def _server(target: Target, address: str, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    """Yield whether DNS is as wanted; where libvirt's is off, the host may run another one."""
    expected = f"{'DNS' if target.serves_dns else 'no DNS of libvirt'} at {address}"
    match seen.resolvers.get(address), target.serves_dns:
        case None, _:
            if full:
                yield unseen("dns", expected, "not asked", subject=address)
        case Nothing(why), serves:
            yield judged("dns", expected, why or "no answer", kept=not serves, subject=address, hint=DAEMON)
        case Reply(), True:
            yield judged("dns", expected, "it answers", kept=True, subject=address)
        case _:
            why = "a server answers, and whose it is can't be told: the host may run one of its own"
            yield unseen("dns", expected, why, subject=address)


def _records(target: Target, seen: Experience, *, full: bool) -> Iterator[Verdict]:
    wanted = records(target.network)
    silent = bool(seen.resolvers) and not any(isinstance(answer, Reply) for answer in seen.resolvers.values())
    for question, values in sorted(wanted.items()):
        answer = seen.records.get(question)
        if isinstance(answer, Nothing) and silent:
            yield unseen("dns.record", _listed(values), "no DNS server answers", subject=_subject(question))
        elif answer is not None:
            yield _record(question, values, answer)
    rest = sum(question not in seen.records for question in wanted)
    if rest and full:
        yield unseen("dns.record", f"answers to {rest} other questions", SAMPLE if seen.records else "not asked")


def _record(question: Question, values: tuple[str, ...], answer: Answer | Nothing) -> Verdict:
    code, subject, expected = "dns.record", _subject(question), _listed(values)
    if isinstance(answer, Nothing):
        return judged(code, expected, answer.why or "no answer", kept=False, subject=subject, hint=DAEMON)
    told = answer.values
    kept = _comparable(question, told) == _comparable(question, values)
    hint = f"{CONTENTS}; dnsmasq also reads the host's /etc/hosts"
    said = _listed(told) if told else answer.rcode if answer.rcode != "NOERROR" else "no such record"
    return judged(code, expected, said, kept=kept, subject=subject, hint=hint)


def _subject(question: Question) -> str:
    return f"{question.name} {question.kind}"


def _comparable(question: Question, values: tuple[str, ...]) -> list[str]:
    return sorted(value.lower().rstrip(".") if question.kind in _CASELESS else value for value in values)


def _listed(values: tuple[str, ...]) -> str:
    return ", ".join(value or '""' for value in values)
