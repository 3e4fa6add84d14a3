"""`netreconcile import`: a topology file for what the host has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.commands.output import tell, warn
from netreconcile.commands.session import session
from netreconcile.dump import topology_text
from netreconcile.errors import InvalidTopology, UsageError
from netreconcile.loader import load_text
from netreconcile.plan import plan
from netreconcile.render import drift_lines

if TYPE_CHECKING:
    import argparse

    from netreconcile.observed import Host, Observed


def run(options: argparse.Namespace) -> int:
    """Print the file, and prove it: loaded again, it must plan nothing but adoption."""
    with session(options, readonly=True) as here:
        there = here.connection.read()
    unknown = [name for name in options.network if name not in there.networks]
    if unknown:
        msg = f"the host has no network {unknown[0]!r}; it has {', '.join(sorted(there.networks)) or 'none'}"
        raise UsageError(msg)
    wanted = {
        name: item for name, item in sorted(there.networks.items()) if name in (options.network or there.networks)
    }
    for name, item in wanted.items():
        if item.trouble:
            tell(f"{name} is left out: {item.trouble}")
    readable = {name: item for name, item in wanted.items() if not item.trouble}
    text = topology_text(options.name or _owner(readable), readable)
    print(text, end="")
    return 0 if _proved(text, there) and (readable or not wanted) else 1


def _owner(networks: dict[str, Observed]) -> str:
    """Return the topology that owns all the networks, else a name that no other import is likely to take."""
    owners = {item.mark.topology if item.mark else None for item in networks.values()}
    if len(owners) == 1 and (owner := owners.pop()):
        return owner
    return next(iter(networks)) if len(networks) == 1 else "imported"


def _proved(text: str, there: Host) -> bool:
    """Return whether the file plans nothing but adoption; tell what else it would plan."""
    try:
        loaded = load_text(text, "import")
    except InvalidTopology as error:
        tell("libvirt has these networks, but a topology must not say so:")
        warn(error.problems)
        return False
    warn(loaded.warnings)
    found = plan(loaded.topology, there, take_over=True)
    for name in loaded.topology.networks:
        mark = there.networks[name].mark
        if mark and mark.topology != loaded.topology.name:
            tell(f"{name} belongs to topology {mark.topology!r}: applying this file needs --take-over")
    for line in drift_lines(found):
        tell(line.text)
    if found.drifted:
        tell("applying the file as it stands would change this")
    return not found.drifted
