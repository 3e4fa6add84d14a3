"""`netreconcile render`: print what libvirt gets to see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile import codec
from netreconcile.commands.output import show_json, warn
from netreconcile.document import FORMAT_VERSION
from netreconcile.errors import UsageError
from netreconcile.fill import mark_of
from netreconcile.loader import load

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Print the XML that would define the networks on a host that has none of them; needs no libvirt."""
    loaded = load(options.topology, strict=options.strict)
    warn(loaded.warnings)
    networks = {name: network for name, network in loaded.topology.networks.items() if network.state != "absent"}
    unknown = [name for name in options.network if name not in networks]
    if unknown:
        msg = f"the topology has no network {unknown[0]!r}; it has {', '.join(networks)}"
        raise UsageError(msg)
    rendered = {
        name: codec.new(name, network, mark_of(loaded.topology, network))
        for name, network in networks.items()
        if not options.network or name in options.network
    }
    if options.output == "json":
        show_json({"format_version": FORMAT_VERSION, "networks": rendered})
    else:
        print("\n".join(rendered.values()), end="")
    return 0
