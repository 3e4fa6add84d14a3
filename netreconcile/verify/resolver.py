"""Ask a DNS server what it knows itself, with dnspython."""

from __future__ import annotations

import errno
import secrets
import socket
import time
from typing import TYPE_CHECKING

from netreconcile.verify import exchange
from netreconcile.verify.experience import Answer, Nothing, Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from dns.message import Message, QueryMessage
    from dns.rdata import Rdata

    from netreconcile.verify.experience import Question

_PORT = 53
_IDENTIFIERS = 0x10000
_PAYLOAD = 1232
"""So long an answer may be; a longer one comes by TCP."""
_TRUNCATED = 0x0200
"""The bit of a message that is only its beginning (RFC 1035 section 4.1.1)."""
_UNREACHABLE = {
    errno.ECONNREFUSED: "nothing listens there",
    errno.EADDRNOTAVAIL: "no address to ask from",
    errno.ENETUNREACH: "no route there",
    errno.EHOSTUNREACH: "nobody is there",
}


def alive(server: str, seconds: float) -> Reply | Nothing:
    """Return whether a server answers what no server passes on: its version (`version.bind`). Raises OSError."""
    from dns.message import make_query

    query = make_query("version.bind", "TXT", "CH")
    return _exchange(server, lambda: [query], query.is_response, seconds) or Reply()


def ask(server: str, questions: Collection[Question], seconds: float) -> Mapping[Question, Answer | Nothing]:
    """Return the answers of a server; it shouldn't ask others, but dnsmasq does all the same. Raises OSError."""
    end = time.monotonic() + seconds
    answers: dict[Question, Answer | Nothing] = {}
    open_: dict[int, tuple[Question, QueryMessage]] = {}
    cut: list[tuple[Question, QueryMessage]] = []
    first = secrets.randbelow(_IDENTIFIERS)
    for number, question in enumerate(questions):
        query = _query(question, (first + number) % _IDENTIFIERS)
        if isinstance(query, Nothing):
            answers[question] = query
        else:
            open_[query.id] = question, query

    def hear(response: Message) -> bool:
        question, query = open_.get(response.id, (None, None))
        if question and query and query.is_response(response):
            del open_[response.id]
            answers[question] = _answer(question, response)
            if response.flags & _TRUNCATED:
                cut.append((question, query))
        return not open_

    silence = _exchange(server, lambda: [query for _, query in open_.values()], hear, seconds) if open_ else None
    answers.update((question, silence) for question, _ in open_.values() if silence)
    answers.update((question, _whole(server, question, query, end - time.monotonic())) for question, query in cut)
    return {question: answers[question] for question in questions}


def _exchange(
    server: str, queries: Callable[[], Iterable[QueryMessage]], hear: Callable[[Message], bool], seconds: float
) -> Nothing | None:
    """Ask until `hear` says of a response that this is enough; returns why there wasn't enough."""
    from dns.exception import DNSException
    from dns.message import from_wire

    def hear_datagram(datagram: bytes, _: str) -> bool:
        try:
            response = from_wire(datagram)
        except (DNSException, ValueError):  # a stranger's bytes
            return False
        return hear(response)

    try:
        family, to = exchange.target(server, _PORT)
        with exchange.opened(family, socket.SOCK_DGRAM, 0, "") as talk:
            talk.connect(to)  # only then the kernel tells that nothing listens there
            return exchange.ask(talk, to, lambda: [query.to_wire() for query in queries()], hear_datagram, seconds)
    except ValueError as error:
        return Nothing(str(error))
    except OSError as error:
        if error.errno not in _UNREACHABLE:
            raise
        return Nothing(_UNREACHABLE[error.errno])


def _query(question: Question, identifier: int) -> QueryMessage | Nothing:
    from dns.exception import DNSException
    from dns.flags import RD
    from dns.message import make_query

    try:
        query = make_query(question.name, question.kind, use_edns=0, payload=_PAYLOAD)
        query.to_wire()
    except (DNSException, ValueError) as error:
        return Nothing(f"no question that DNS knows: {error}")
    query.id = identifier
    query.flags &= ~RD
    return query


def _whole(server: str, question: Question, query: QueryMessage, seconds: float) -> Answer | Nothing:
    """Return an answer that was too long for a datagram."""
    from dns.exception import DNSException
    from dns.query import tcp

    try:
        return _answer(question, tcp(query, server, timeout=max(seconds, 0.0)))
    except (DNSException, OSError, EOFError) as error:
        return Nothing(f"the answer is longer than a datagram, and TCP gives none: {error}")


def _answer(question: Question, response: Message) -> Answer:
    from dns.rcode import to_text
    from dns.rdatatype import from_text

    kind = from_text(question.kind)
    values = (_value(record) for answer in response.answer if answer.rdtype == kind for record in answer)
    return Answer(to_text(response.rcode()), tuple(sorted(values)))


def _value(record: Rdata) -> str:
    from dns.rdtypes.txtbase import TXTBase

    if isinstance(record, TXTBase):
        return ",".join(part.decode("utf-8", "backslashreplace") for part in record.strings)
    return record.to_text().removesuffix(".")
