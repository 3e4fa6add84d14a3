"""How a rehearsal went, for people and for machines: the plan, what each step took, who noticed, and what would be."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from netreconcile.actions import sentence
from netreconcile.document import FORMAT_VERSION, plan_document
from netreconcile.rehearse.outcome import Would
from netreconcile.render import Line, guest_names, plan_lines
from netreconcile.results import Outcome
from netreconcile.verify.report import counted, promise_document, verdict_lines
from netreconcile.verify.verdict import Outcome as Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netreconcile.errors import Path, Position
    from netreconcile.rehearse.outcome import Act, Gap, Rehearsal, Taken
    from netreconcile.verify.verdict import NetworkVerdict

_STYLES = {Would.WORK: "bold green", Would.DO_NOTHING: "bold green", Would.BE_REFUSED: "bold yellow"}


def rehearsal_lines(rehearsal: Rehearsal, where: Callable[[Path], Position | None] = lambda _: None) -> Iterator[Line]:
    """Yield the plan, then what became of it on the copy, and the sum.

    `where` tells the position of a rule of the file.
    """
    yield from plan_lines(rehearsal.plan, rehearsal.host, where)
    if rehearsal.libvirt:
        yield Line("")
        yield Line(f"rehearsed on a copy, with libvirt {'.'.join(map(str, rehearsal.libvirt))}", "bold")
        yield from (Line(f"  not copied: {text}", "yellow") for text in rehearsal.left_out)
        yield from (Line(f"  the copy's plan: {text}", "yellow") for text in rehearsal.differences)
    for number, act in enumerate(rehearsal.acts):
        if number == 0 or act.problem:
            yield Line("")
            yield from _act_lines(act)
        else:
            yield Line(_brief(act))
        if number == 0 and rehearsal.verdicts:
            yield Line("")
            yield from _verdict_lines(rehearsal.verdicts)
    yield Line("")
    yield Line(summary(rehearsal), _STYLES.get(rehearsal.would, "bold red"))


def summary(rehearsal: Rehearsal) -> str:
    """Return in one line what would become of the change, and what it would need."""
    text = f"it would {rehearsal.would}"
    failed = next((act.name for act in rehearsal.acts if act.problem), "")
    if failed:
        return f"{text} at {failed}, as is told above"
    refused = [part.name for part in rehearsal.plan.refused]
    if refused:
        text += f" ({', '.join(refused)})"
    cut = tuple(guest for part in rehearsal.plan.networks for guest in part.cut)
    return f"{text}; it needs --allow-disruption, for {guest_names(cut)}" if cut else text


def rehearsal_document(rehearsal: Rehearsal) -> dict[str, Any]:
    """Return the rehearsal; `schemas/rehearsal.schema.json` describes it."""
    counts = Counter(verdict.outcome for network in rehearsal.verdicts for verdict in network.verdicts)
    return {
        "format_version": FORMAT_VERSION,
        "would": str(rehearsal.would),
        "plan": plan_document(rehearsal.plan, rehearsal.host),
        "copy": rehearsal.libvirt
        and {
            "libvirt": ".".join(map(str, rehearsal.libvirt)),
            "left_out": list(rehearsal.left_out),
            "unseen_networks": sorted(rehearsal.unseen),
            "differences": list(rehearsal.differences),
            "interval_seconds": rehearsal.interval,
        },
        "acts": [_act(act) for act in rehearsal.acts],
        **{str(outcome): counts[outcome] for outcome in Seen},
        "promises": [
            {"network": network.network, **promise_document(verdict)}
            for network in rehearsal.verdicts
            for verdict in network.verdicts
        ],
    }


def _act_lines(act: Act) -> Iterator[Line]:
    steps = f"{_count(len(act.taken), 'step')} in {_seconds(act.seconds)}"
    yield Line(f"{act.name}: {steps}{', FAILED' if act.problem else ''}", "bold")
    for taken in act.taken:
        yield from _step_lines(taken, "")
    for taken in act.undone:
        yield from _step_lines(taken, "taken back: ")
    for gap in act.gaps:
        if not _kept(gap):
            yield Line(f"  {_noticed(gap)}", "yellow")
    if kept := sum(map(_kept, act.gaps)):
        yield Line(f"  {_count(kept, 'guest')} kept {'its' if kept == 1 else 'their'} link")
    if act.missed:
        yield Line(f"  {act.missed} frames came too fast for this machine: gaps may be shorter than that", "yellow")
    if act.problem:
        yield Line(f"  {act.problem}", "bold red")


def _brief(act: Act) -> str:
    """Return an act that went well in one line."""
    longest = max((gap.seconds or 0.0 for gap in act.gaps if gap.back), default=0.0)
    staying = sum(gap.seconds is not None and not gap.back for gap in act.gaps)
    cut = f", guests cut off for up to {_seconds(longest)}" if longest else ""
    cut += f", {_count(staying, 'guest')} cut off for good" if staying else ""
    return f"{act.name}: {_count(len(act.taken), 'step')} in {_seconds(act.seconds)}{cut}"


def _verdict_lines(verdicts: tuple[NetworkVerdict, ...]) -> Iterator[Line]:
    """Yield what is broken in full, and else only numbers."""
    if any(network.broken for network in verdicts):
        yield from verdict_lines(verdicts)
    else:
        yield Line(f"verified: {counted(verdicts)}")


def _kept(gap: Gap) -> bool:
    return gap.back and gap.seconds == 0


def _step_lines(taken: Taken, before: str) -> Iterator[Line]:
    result = taken.result
    if result.outcome is Outcome.SKIPPED:
        yield Line(f"  {'skipped':>7}  {before}{result.step}")
        return
    remark = f": {result.message}" if result.message else ""
    failed = ", FAILED" if result.failed else ""
    yield Line(f"  {_seconds(taken.seconds):>7}  {before}{result.step}{failed}{remark}", "bold red" if failed else "")


def _noticed(gap: Gap) -> str:
    """Return what happened to a guest's link."""
    name = f"{gap.network}: {gap.guest.domain} {gap.guest.target or gap.guest.mac}"
    if gap.seconds is None:
        return f"{name} had no link, {'and has one now' if gap.back else 'and still has none'}"
    if not gap.back:
        return f"{name} is cut off, and stays so"
    return f"{name} was cut off for {_seconds(gap.seconds)}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s"


def _act(act: Act) -> dict[str, Any]:
    return {
        "name": act.name,
        "seconds": round(act.seconds, 3),
        "problem": act.problem or None,
        "missed_frames": act.missed,
        "steps": [_step(taken, undo=undo) for undo, part in ((False, act.taken), (True, act.undone)) for taken in part],
        "guests": [
            {
                "network": gap.network,
                "domain": gap.guest.domain,
                "mac": gap.guest.mac,
                "target": gap.guest.target or None,
                "cut_seconds": None if gap.seconds is None else round(gap.seconds, 3),
                "linked": gap.back,
            }
            for gap in act.gaps
        ],
    }


def _step(taken: Taken, *, undo: bool) -> dict[str, Any]:
    return {
        "network": taken.result.step.network,
        "sentence": sentence(taken.result.step.action),
        "undo": undo,
        "outcome": str(taken.result.outcome),
        "message": taken.result.message,
        "seconds": round(taken.seconds, 3),
    }
