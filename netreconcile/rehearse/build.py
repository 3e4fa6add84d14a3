"""Makes the copy inside a lab: links, routes, and networks as they are defined and as they run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.errors import LibvirtFailed, ProbeFailed
from netreconcile.verify.namespace import ip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from netreconcile.client import Client
    from netreconcile.kernel.state import Route
    from netreconcile.observed import Observed
    from netreconcile.rehearse.copy import Blueprint, NewLink
    from netreconcile.verify.namespace import Namespace


def links_made(blueprint: Blueprint, far: Namespace) -> Blueprint:
    """The links and routes are there, the far ends of NICs in a namespace; what could not be made is left out."""
    bridges = {link.name for link in blueprint.links if link.bridge}
    said = [
        f"{what}: {why}"
        for what, commands in (
            *((f"link {link.name}", tuple(_new(link, far.path, bridges))) for link in blueprint.links),
            *((f"route to {route.to}", (_route(route),)) for route in sorted(blueprint.routes, key=_hops)),
        )
        if (why := _refused(commands))
    ]
    # So that the NICs have a carrier.
    nics = [link.far_end for link in blueprint.links if not link.bridge]
    far.run(lambda: ip((f"link set dev {name} up" for name in nics), all_of_them=False))
    return replace(blueprint, left_out=(*blueprint.left_out, *said))


def networks_made(blueprint: Blueprint, client: Client) -> Blueprint:
    """The networks run what they run on the host, and are defined as they are there; the others are left out.

    What one of them refuses because of another, in whatever order they came to be on the host, is tried again.
    """
    hosts = blueprint.host.networks
    for work in (_run, _define):
        waiting = dict(hosts)
        while waiting:
            failed = {name: why for name, there in waiting.items() if (why := _failure(client, name, there, work))}
            if len(failed) == len(waiting):
                for name, why in failed.items():
                    _remove(client, name)
                    blueprint = blueprint.without(name, f"the lab's libvirt refuses it: {why}")
                hosts = {name: there for name, there in hosts.items() if name not in failed}
                break
            waiting = {name: waiting[name] for name in failed}
    return blueprint


def copied_otherwise(blueprint: Blueprint, copied: Mapping[str, Observed]) -> Iterator[str]:
    """Yield the networks that the lab's libvirt describes in other words than the host's."""
    for name, there in blueprint.host.networks.items():
        if name in copied and copied[name].state != there.state:
            yield f"network {name}: the lab's libvirt describes it otherwise than the host's"


def _new(link: NewLink, namespace: str, bridges: set[str]) -> Iterator[str]:
    kind = "type bridge" if link.bridge else f"type veth peer name {link.far_end} netns {namespace}"
    yield f"link add {link.name} {kind}"
    if link.address:
        yield f"link set dev {link.name} address {link.address}"
    yield f"link set dev {link.name} mtu {link.mtu}"
    if link.master in bridges:
        yield f"link set dev {link.name} master {link.master}"
    if link.up:
        yield f"link set dev {link.name} up"
    for address in link.addresses:
        yield f"address add {address} dev {link.name}{' nodad' if ':' in address else ''}"


def _route(route: Route) -> str:
    kind = "" if route.kind == "unicast" else f"{route.kind} "
    via = f" via {route.via}" if route.via else ""
    metric = f" metric {route.metric}" if route.metric else ""
    return f"route add {kind}{route.to}{via} dev {route.device}{metric}"


def _hops(route: Route) -> int:
    """Return what sorts routes to gateways behind those that they are reached by."""
    return 1 if route.via else 0


def _refused(commands: tuple[str, ...]) -> str:
    try:
        ip(commands)
    except ProbeFailed as error:
        return str(error)
    return ""


def _run(client: Client, words: str, there: Observed) -> None:
    """What ran on the host runs in the lab. Raises LibvirtFailed."""
    xml = there.running_xml
    if xml is None:
        return
    if there.persistent:
        network = client.call(words, lambda: client.connection.networkDefineXML(xml))
        client.call(words, network.create)
    else:
        client.call(words, lambda: client.connection.networkCreateXML(xml))


def _define(client: Client, words: str, there: Observed) -> None:
    """The network's definition is that of the host. Raises LibvirtFailed."""
    xml = there.config_xml
    if xml is None:
        return
    if xml != there.running_xml:
        client.call(words, lambda: client.connection.networkDefineXML(xml))
    if there.autostart:
        network = client.lookup(words, there.name)
        client.call(words, lambda: network.setAutostart(1))


def _failure(client: Client, name: str, there: Observed, work: Callable[[Client, str, Observed], None]) -> str:
    try:
        work(client, f"copy network {name}", there)
    except LibvirtFailed as error:
        return error.message
    return ""


def _remove(client: Client, name: str) -> None:
    """What there is of the network is gone."""
    words = f"remove network {name}"
    for call in ("destroy", "undefine"):
        try:
            client.call(words, getattr(client.lookup(words, name), call))
        except LibvirtFailed:
            continue
