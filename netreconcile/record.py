"""A network as files keep it: what the journal knows of before a change, and what an exported state is made of."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from netreconcile.observed import Guest, Lease, observed

if TYPE_CHECKING:
    from netreconcile.observed import Observed


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network as it was."""

    # No model of pydantic's: so it is read as the model is that has it, an exported state strictly, the journal not.
    uuid: str
    """Its UUID."""
    config_xml: str | None
    """Its definition, null where it had none."""
    running_xml: str | None
    """What it ran, null where it was stopped."""
    autostart: bool
    """It started with the host."""
    guests: tuple[Guest, ...]
    """The guests that belonged to it."""
    leases: tuple[Lease, ...] = ()
    """The addresses that its DHCP had lent."""

    def network(self, name: str) -> Observed:
        """Return the network, with its XML parsed; what contradicts itself can't be read either."""
        there = observed(
            name,
            self.uuid,
            config_xml=self.config_xml,
            running_xml=self.running_xml,
            autostart=self.autostart,
            guests=self.guests,
        )
        if any(each and each.uuid not in (None, self.uuid) for each in (there.config, there.running)):
            trouble = f"its UUID is {self.uuid}, and its definition says otherwise"
            return replace(there, config=None, running=None, mark=None, trouble=trouble)
        return replace(there, leases=self.leases)


def recorded(there: Observed) -> NetworkRecord:
    """Return the network as files keep it."""
    return NetworkRecord(there.uuid, there.config_xml, there.running_xml, there.autostart, there.guests, there.leases)
