"""What a report is about: a plan, and each of its differences with its place in the file. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.below.report import CAUSE, remedy_sentences, since
from netreconcile.binding import bindings
from netreconcile.codec import identity, keys
from netreconcile.graph.graph import of_plan
from netreconcile.model import Element
from netreconcile.networkplan import Verb
from netreconcile.printable import printable
from netreconcile.render import difference, refusal, summary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from netreconcile.actions import Impact
    from netreconcile.below.finding import Finding
    from netreconcile.drift import Drift
    from netreconcile.errors import Path, Position
    from netreconcile.graph.graph import Graph
    from netreconcile.model import Network, Topology
    from netreconcile.networkplan import NetworkPlan
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

    Where = Callable[[Path], Position | None]

_LONGEST = 500
"""Most characters of a name or a value; nobody reads more in a report."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs, in words; every text is on one line, and drives no terminal.

    `sign` is what `apply` does about it: "+" adds it, "-" takes it away, "~" changes it, "!" nothing. `impact` is the
    price, for a difference of the file that of its whole network; `since` tells since when it is so, and `mend` what
    else mends it, or they are empty.
    """

    network: str
    cause: str
    what: str
    sign: str
    impact: Impact
    place: Position | None = None
    since: str = ""
    mend: str = ""
    refused: bool = False

    def __str__(self) -> str:
        what = f": {self.what}" if self.what else ""
        return f"{self.network}: {self.cause}{what}{f'; {self.since}' if self.since else ''}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A plan to report, for `command` (`plan` or `drift`), with the topology and the host that it is for.

    `unseen` says why what is below libvirt couldn't be looked at, or is empty.
    """

    command: str
    plan: Plan
    topology: Topology
    host: Host
    differences: tuple[Difference, ...]
    by_network: Mapping[str, tuple[Difference, ...]]
    unseen: str = ""

    @property
    def summary(self) -> str:
        """Return the plan in one line, and how much is wrong below libvirt."""
        number = sum(item.cause == CAUSE for item in self.differences)
        if not number:
            return summary(self.plan)
        things = "thing below libvirt isn't as it" if number == 1 else "things below libvirt aren't as they"
        return f"{summary(self.plan)}; {number} {things} should be"

    @property
    def graph(self) -> Graph:
        """Return the picture of it."""
        broken = {part.name for part in self.plan.networks if self.broken(part)}
        return of_plan(self.plan, self.topology, self.host, broken)

    @property
    def shown(self) -> tuple[NetworkPlan, ...]:
        """Return the networks that there is something to tell of."""
        return tuple(part for part in self.plan.networks if part.verb is not Verb.NOTHING or self.of(part))

    @property
    def title(self) -> str:
        """Return the topology's name, on one line."""
        return clean(self.plan.topology)

    @property
    def uri(self) -> str:
        """Return the host, on one line."""
        return clean(self.host.uri)

    def of(self, part: NetworkPlan) -> tuple[Difference, ...]:
        """Return the differences of a network."""
        return self.by_network.get(clean(part.name), ())

    def broken(self, part: NetworkPlan) -> bool:
        """Return whether the network isn't as libvirt set it up."""
        return any(item.cause == CAUSE for item in self.of(part))

    def happens(self, part: NetworkPlan) -> str:
        """Return what `apply` does to the network, in a word; or that it's broken, which `apply` doesn't mend."""
        return "broken" if part.verb is Verb.NOTHING and self.broken(part) else str(part.verb)


def subject(  # noqa: PLR0913 -- one argument a fact
    command: str,
    plan: Plan,
    topology: Topology,
    host: Host,
    where: Where = lambda _: None,
    *,
    below: Iterable[Finding] = (),
    unseen: str = "",
) -> Subject:
    """Return what to report; `where` tells the place of a part of the topology in its files."""
    found = [item for part in plan.drifted for item in _differences(part, topology.networks.get(part.name), where)]
    found += (_below(finding, where(("networks", finding.network))) for finding in below)
    by_network: dict[str, list[Difference]] = {}
    for item in found:
        by_network.setdefault(item.network, []).append(item)
    grouped = {name: tuple(items) for name, items in by_network.items()}
    return Subject(command, plan, topology, host, tuple(found), grouped, clean(unseen))


def clean(text: str) -> str:
    """Return a text on one line that drives no terminal, and isn't longer than anybody reads."""
    return printable(text, _LONGEST)


def _differences(part: NetworkPlan, desired: Network | None, where: Where) -> Iterator[Difference]:
    here = ("networks", part.name)
    placed = _placed(here, desired)
    for drift in part.drifts:
        place = where(placed(drift))
        what = clean(difference(drift))
        yield Difference(clean(part.name), str(drift.cause), what, _sign(drift, part), part.impact, place)
    if part.refusal:
        cause = "held back" if part.verb is Verb.HOLD else "refused"
        why = clean(refusal(part).removeprefix(f"{cause}: "))
        place = where(part.rule or here)
        yield Difference(clean(part.name), cause, why, "!", part.impact, place, refused=True)


def _below(finding: Finding, place: Position | None) -> Difference:
    what = f"{finding} ({finding.noticed})" if finding.noticed else str(finding)
    mend = "; ".join(map(clean, remedy_sentences(finding.remedy)))
    return Difference(
        clean(finding.network), CAUSE, clean(what), "!", finding.remedy.impact, place, since(finding), mend
    )


def _sign(drift: Drift, part: NetworkPlan) -> str:
    if drift.change is None:
        return {Verb.CREATE: "+", Verb.REMOVE: "-"}.get(part.verb, "~")
    return "+" if drift.change.before is None else "-" if drift.change.after is None else "~"


def _placed(here: Path, desired: Network | None) -> Callable[[Drift], Path]:
    """Return what tells a change's place in the topology, as far as the topology has it: items of lists by index."""
    indices: dict[Path, dict[str, int]] = {}

    def place(drift: Drift) -> Path:
        path: Path = here
        element: Element | None = desired
        steps = iter(drift.change.path if drift.change else ())
        for step in steps:
            binding = next((item for item in bindings(type(element)) if item.name == step), None) if element else None
            if binding is None:
                break
            path, value = (*path, step), getattr(element, step)
            if binding.is_list and not binding.xml.ordered and (key := next(steps, None)) is not None:
                if path not in indices:
                    indices[path] = {name: index for index, name in enumerate(keys(map(identity, value)))}
                if key not in indices[path]:
                    break
                index = indices[path][key]
                path, value = (*path, index), value[index]
            element = value if isinstance(value, Element) else None
        return path

    return place
