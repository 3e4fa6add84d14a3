"""What a plan must not do although it could: caps on its impact, and the topology's standing rules. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from netreconcile.actions import Impact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.errors import Path
    from netreconcile.model import Policy
    from netreconcile.networkplan import NetworkPlan


@dataclass(frozen=True, slots=True)
class Limits:
    """The rules of the file, and the cap of the command line."""

    policy: Policy
    max_impact: Impact = Impact.REMOVE

    @property
    def cap(self) -> Impact:
        """Return the worst that may be done to a network."""
        given = self.policy.max_impact
        return self.max_impact if given is None else min(self.max_impact, Impact[given.upper()])


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a network is left as it is; `rule` is the path of the file's rule, empty for the command line's cap."""

    network: str
    reason: str
    rule: Path = ()


def objections(parts: Iterable[NetworkPlan], limits: Limits) -> Iterator[Objection]:
    """Yield what the limits have against the parts of a plan, the strictest first for each network."""
    parts = [part for part in parts if part.steps]
    for part in parts:
        yield from _against(part, limits)
    policy = limits.policy
    removed = [part for part in parts if part.impact is Impact.REMOVE]
    if policy.max_removed is not None and len(removed) > policy.max_removed:
        reason = f"the plan removes or stops {len(removed)} networks, and {policy.max_removed} are allowed"
        yield from (Objection(part.name, reason, ("policy", "max_removed")) for part in removed)
    restarted = [part for part in parts if part.impact is Impact.RESTART and part.cut]
    guests = sum(len(part.cut) for part in restarted)
    if policy.max_restarted_guests is not None and guests > policy.max_restarted_guests:
        reason = f"the plan's restarts cut off {guests} guests, and {policy.max_restarted_guests} are allowed"
        yield from (Objection(part.name, reason, ("policy", "max_restarted_guests")) for part in restarted)


def _against(part: NetworkPlan, limits: Limits) -> Iterator[Objection]:
    if part.impact > limits.max_impact:
        yield Objection(part.name, f"its impact is {part.impact}, above --max-impact {limits.max_impact}")
    policy = limits.policy
    if policy.max_impact is not None and part.impact > Impact[policy.max_impact.upper()]:
        reason = f"its impact is {part.impact}, and no more than {policy.max_impact} is allowed"
        yield Objection(part.name, reason, ("policy", "max_impact"))
    at_risk = part.impact is Impact.REMOVE or part.cut
    for index, pattern in enumerate(policy.protected_networks if at_risk else ()):
        if fnmatchcase(part.name, pattern):
            reason = f"it is protected as {pattern!r}: it may not be stopped, nor restarted with guests connected"
            yield Objection(part.name, reason, ("policy", "protected_networks", index))
