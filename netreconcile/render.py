"""Plans, reports and hosts as lines for people; a line is its text and a style that a terminal may show."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from netreconcile.actions import Replug
from netreconcile.diff import Change, label
from netreconcile.document import fingerprint
from netreconcile.entry import Entry, Status
from netreconcile.errors import dotted
from netreconcile.networkplan import NetworkPlan, Verb
from netreconcile.printable import printable
from netreconcile.results import Outcome, Report, Undone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from netreconcile.actions import Step
    from netreconcile.drift import Drift
    from netreconcile.errors import Path, Position
    from netreconcile.observed import Guest, Host, Observed
    from netreconcile.plan import Plan

_SIGNS = {
    Verb.CREATE: "+",
    Verb.UPDATE: "~",
    Verb.REMOVE: "-",
    Verb.ADOPT: "=",
    Verb.HOLD: "!",
    Verb.REFUSE: "!",
    Verb.NOTHING: " ",
}
_STYLES = {
    Verb.CREATE: "green",
    Verb.UPDATE: "yellow",
    Verb.REMOVE: "red",
    Verb.ADOPT: "cyan",
    Verb.HOLD: "bold yellow",
    Verb.REFUSE: "bold red",
}
_WIDEST = 120
_MOST = 4


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its style, a name that rich knows; the style never carries meaning alone.

    What names and values hold can neither drive a terminal nor pass for another line: it is escaped.
    """

    text: str
    style: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", printable(self.text))


def plan_lines(plan: Plan, host: Host, where: Callable[[Path], Position | None] = lambda _: None) -> Iterator[Line]:
    """Yield what the plan would do: per network the differences and the price, then the steps in their order.

    `where` tells the position of a rule of the file.
    """
    yield Line(f"topology {plan.topology} on {host.uri}, libvirt {'.'.join(map(str, host.version))}")
    for part in plan.networks:
        if part.verb is not Verb.NOTHING:
            yield Line("")
            yield from _network_lines(part, where)
    if plan.steps:
        yield Line("")
        yield Line("steps, in this order:")
        width = len(str(len(plan.steps)))
        for number, step in enumerate(plan.steps, 1):
            yield Line(f"  {number:>{width}}. {step}{_price(step)}")
    yield Line("")
    yield Line(summary(plan), "bold")


def drift_lines(plan: Plan) -> Iterator[Line]:
    """Yield each difference between file and host with its cause, a line each; nothing where there is none."""
    for part in plan.drifted:
        for drift in part.drifts:
            what = difference(drift)
            yield Line(f"{part.name}: {drift.cause}{': ' + what if what else ''}", _STYLES.get(part.verb, ""))
        if part.refusal:
            yield Line(f"{part.name}: {refusal(part)}", "bold red")


def difference(drift: Drift) -> str:
    """Return what differs, without its cause; empty for a network as a whole."""
    return f"{label(drift.change.path)}: {_values(drift.change)}" if drift.change else _guest(drift)


def summary(plan: Plan) -> str:
    """Return the plan in one line: how many networks, the worst impact, who is cut off."""
    if not plan.steps and not plan.refused:
        return f"nothing to do: {_count(len(plan.networks), 'network')} in sync"
    counts = Counter(part.verb for part in plan.networks)
    parts = [
        f"{counts[verb]} to {verb}" for verb in (Verb.CREATE, Verb.UPDATE, Verb.REMOVE, Verb.ADOPT) if counts[verb]
    ]
    for verb, word in ((Verb.HOLD, "held back"), (Verb.REFUSE, "refused")):
        if counts[verb]:
            parts.append(f"{counts[verb]} {word}")
    if counts[Verb.NOTHING]:
        parts.append(f"{counts[Verb.NOTHING]} in sync")
    cut = [guest for part in plan.networks for guest in part.cut if guest.running]
    lose = "loses its" if len(cut) == 1 else "lose their"
    effect = f"{_count(len(cut), 'guest')} {lose} link" if cut else "no guest loses its link"
    return f"{', '.join(parts)}; impact: {plan.impact}; {effect}"


def fingerprint_lines(plan: Plan) -> Iterator[Line]:
    """Yield what tells a plan that does something from every other one, for `apply --expect`."""
    if plan.steps:
        yield Line(f"fingerprint {fingerprint(plan)}")


def report_lines(report: Report, number: int) -> Iterator[Line]:
    """Yield what failed or was skipped, what was taken back, what is left, and one line that sums up."""
    for result in report.results:
        if result.outcome is Outcome.FAILED:
            yield Line(f"failed: {result.step}: {result.message}", "bold red")
        elif result.outcome is Outcome.SKIPPED and not report.everything:
            yield Line(f"skipped: {result.step}, because an earlier step of this network failed", "yellow")
        elif result.cut is not None and isinstance(result.step.action, Replug):
            guest = result.step.action
            name = f"{guest.domain} {guest.target or guest.mac}"
            yield Line(f"{result.step.network}: {name} was cut off for {result.cut:.2f} s")
    if report.undone:
        yield Line(f"taken back because of {report.why}", "yellow")
        yield from undone_lines(report.undone)
        if report.everything and report.undone.complete:
            yield Line(f"failed, and rolled back: the host is as it was before (entry {number})", "bold yellow")
            return
    if report.remaining.drifted or report.remaining.steps:
        yield Line("the host still differs from the file:")
        yield from drift_lines(report.remaining)
    done = sum(result.outcome is Outcome.DONE for result in report.results)
    if report.verified:
        yield Line(f"done: {_count(done, 'step')}, and the host matches the file", "bold green")
    else:
        failed = len(report.failed)
        yield Line(f"{_count(done, 'step')} done, {failed} failed; the host does not match the file", "bold red")


def undone_lines(undone: Undone) -> Iterator[Line]:
    """Yield how it went to take back what was done: what failed, what is left, and whether that is all."""
    for result in undone.results:
        if result.failed:
            yield Line(f"failed: {result.step}: {result.message}", "bold red")
    if undone.complete:
        yield Line(f"taken back: {_count(len(undone.results), 'step')}")
        return
    yield Line("this could not be taken back; `netreconcile rollback` tries again:", "bold red")
    yield from drift_lines(undone.left)


def pending_lines(entry: Entry | None) -> Iterator[str]:
    """Yield what to know about a change that is still to be finished, confirmed or undone."""
    if entry is None:
        return
    what = f"entry {entry.number}, {entry.header.command} of {entry.header.topology} ({entry.header.who})"
    if entry.status is Status.UNCONFIRMED:
        until = entry.ended.confirm_until if entry.ended else None
        yield f"{what}, is not confirmed; it is taken back at {clock(until or 0)}"
        yield "`netreconcile confirm` keeps it, `netreconcile rollback` takes it back at once"
        return
    done = sum(ended is not None for _, ended in entry.steps)
    yield f"{what}, has no end: it is running, or broke off after {_count(done, 'step')} at {clock(entry.header.when)}"
    yield "if it broke off: `netreconcile apply` finishes it, `netreconcile rollback` undoes it"


def history_lines(entries: tuple[Entry, ...]) -> Iterator[Line]:
    """Yield a table of what was done to a host."""
    head = ("entry", "when", "command", "topology", "status", "impact", "networks", "who")
    rows: list[tuple[str, ...]] = [
        (
            str(entry.number),
            clock(entry.header.when),
            entry.header.command,
            entry.header.topology,
            str(entry.status),
            str(entry.header.plan.get("impact", "")),
            _some(list(entry.networks)),
            entry.header.who,
        )
        for entry in entries
    ]
    yield from table(head, rows)


def entry_lines(entry: Entry) -> Iterator[Line]:
    """Yield what was wanted at an entry of the journal, step by step what was done, and what became of it."""
    header, ended = entry.header, entry.ended
    yield Line(
        f"entry {entry.number}: {header.command} by {header.who} at {clock(header.when)}: {entry.status}", "bold"
    )
    if header.files:
        yield Line(f"files: {' '.join(header.files)}; topology digest {header.digest}")
    yield Line(f"fingerprint {header.fingerprint}")
    yield Line("")
    yield from (Line(line) for line in header.text)
    yield Line("")
    yield Line("what was done:")
    for each in entry.mended:
        outcome = "done" if each.done else f"failed: {each.message}"
        yield Line(f"  {each.network}: below libvirt: {each.finding}: {'; '.join(each.actions)}: {outcome}")
    for begun, done in entry.steps:
        outcome = f"{done.outcome}{': ' + done.message if done.message else ''}" if done else "broke off here"
        yield Line(f"  {'back: ' if begun.undo else ''}{begun.step}: {outcome}")
    if ended:
        yield Line(f"ended at {clock(ended.when)}{': ' + ended.message if ended.message else ''}")


def host_lines(host: Host) -> Iterator[Line]:
    """Yield a table of the host's networks."""
    head = ("network", "mode", "state", "autostart", "owner", "bridge", "addresses", "guests", "leases")
    yield from table(head, [_host_row(there) for _, there in sorted(host.networks.items())])


def guest_names(guests: tuple[Guest, ...]) -> str:
    """Return how many guests and who, by domain and interface."""
    names = ", ".join(
        " ".join(part for part in (guest.domain, guest.target or guest.mac, guest.address) if part) for guest in guests
    )
    return f"{_count(len(guests), 'guest')}: {names}"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[Line]:
    """Yield the rows below their heads, each column as wide as it has to be."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        text = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        yield Line(text, "bold" if row is head else "")


def clock(when: float) -> str:
    """Return a time in Unix time as people here read it."""
    return datetime.fromtimestamp(when).astimezone().strftime("%F %T")


def _some(names: list[str]) -> str:
    return ", ".join(names) if len(names) <= _MOST else f"{', '.join(names[:_MOST])} and {len(names) - _MOST} more"


def _host_row(there: Observed) -> tuple[str, ...]:
    network = there.running or there.config
    kind = ("active" if there.active else "inactive") + ("" if there.persistent else ", transient")
    return (
        there.name,
        network.mode if network else "unreadable",
        kind,
        "yes" if there.autostart else "no",
        there.mark.topology if there.mark else "-",
        (network.bridge.name if network else None) or "-",
        " ".join(ip.address for ip in network.ips) if network and network.ips else "-",
        str(len(there.connected)),
        str(len(there.leases)),
    )


def _price(step: Step) -> str:
    """Return what a step costs, if it costs anything."""
    if not step.impact:
        return ""
    return f"  ({step.impact}: {step.blinks})" if step.blinks else f"  ({step.impact})"


def _network_lines(part: NetworkPlan, where: Callable[[Path], Position | None]) -> Iterator[Line]:
    style = _STYLES.get(part.verb, "")
    price = f"impact {part.impact}" if part.impact else ""
    if part.cut:
        price += f" ({guest_names(part.cut)})"
    yield Line(f"{_SIGNS[part.verb]} {part.name}: {part.verb}{', ' + price if price else ''}", style)
    for drift in part.drifts:
        yield from _drift_lines(drift)
    for note in part.notes:
        yield Line(f"    {note}")
    if part.refusal:
        place = where(part.rule) if part.rule else None
        yield Line(f"    {refusal(part)}{f' ({place})' if place else ''}", style)


def refusal(part: NetworkPlan) -> str:
    """Return why nothing is done to the network, and which rule of the file forbids it."""
    rule = f"{dotted(part.rule)}: " if part.rule else ""
    return f"{'held back' if part.verb is Verb.HOLD else 'refused'}: {rule}{part.refusal}"


def _drift_lines(drift: Drift) -> Iterator[Line]:
    if drift.change is None:
        guest = _guest(drift)
        yield Line(f"    {drift.cause}{': ' + guest if guest else ''}")
        return
    sign = "+" if drift.change.before is None else "-" if drift.change.after is None else "~"
    yield Line(f"    {sign} {label(drift.change.path)}: {_values(drift.change)}  ({drift.cause})")


def _guest(drift: Drift) -> str:
    return f"{drift.guest.domain} {drift.guest.target or drift.guest.mac}" if drift.guest else ""


def _values(change: Change) -> str:
    if change.before is None:
        return _value(change.after)
    if change.after is None:
        return _value(change.before)
    return f"{_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    text = _flow(value)
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"


def _flow(value: Any) -> str:
    """Return the value as one line of YAML."""
    if value is True or value is False:
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    return str(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
