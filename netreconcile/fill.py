"""Input preparation: what the file leaves to libvirt is taken from the host before anything is compared.

The output of a comparison is never filtered; everything that is no difference is settled here.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any, TypeVar

from netreconcile.binding import Binding, Outside, bindings
from netreconcile.mark import Mark
from netreconcile.model import Element, Network, Topology

E = TypeVar("E", bound=Element)


def filled(desired: Network, host: Network) -> Network:
    """Return the desired network with libvirt's own choices for what the file leaves open."""
    return _filled(desired, host, own_bridge=desired.own_bridge and host.own_bridge)


def as_running(desired: Network, running: Network) -> Network:
    """Return what the running definition of the filled network would say.

    Settings without an effect on a running network are taken as they are. A pool over a physical function lists the
    functions that libvirt found at start (networkCreateInterfacePool in bridge_driver.c), which no file needs to know.
    """
    taken = {item.name: getattr(running, item.name) for item in bindings(Network) if item.config_only}
    if desired.forward.pf and running.forward.pf:
        found = {"interfaces": running.forward.interfaces, "addresses": running.forward.addresses}
        taken["forward"] = desired.forward.model_copy(update=found)
    return desired.model_copy(update=taken)


def digest(desired: Network) -> str:
    """Return a short fingerprint of what the file says of a network's definition, whatever the order of its keys."""
    outside = {
        name
        for name, field in Network.model_fields.items()
        if any(isinstance(item, Outside) for item in field.metadata)
    }
    said = desired.model_dump(mode="json", exclude_defaults=True, exclude=outside)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def topology_digest(topology: Topology) -> str:
    """Return a fingerprint of everything that the files say, whatever the order of keys."""
    said = topology.model_dump(mode="json", exclude_defaults=True)
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:20]


def mark_of(topology: Topology, desired: Network) -> Mark:
    """Return the mark that the network carries on the host from now on."""
    return Mark(topology.name, digest(desired), desired.protect)


def _filled(desired: E, host: E, *, own_bridge: bool) -> E:
    taken: dict[str, Any] = {}
    for binding in _open(type(desired)):
        value, there = getattr(desired, binding.name), getattr(host, binding.name)
        if binding.chosen:
            if value is None and (own_bridge or not binding.chosen.own_bridge):
                taken[binding.name] = there
        else:
            inner = _filled(value, there, own_bridge=own_bridge)
            if inner is not value:
                taken[binding.name] = inner
    return desired.model_copy(update=taken) if taken else desired


@functools.cache
def _open(model: type[Element]) -> tuple[Binding, ...]:
    """Return the fields that libvirt may choose, and those that hold such fields."""
    found: list[Binding] = []
    for item in bindings(model):
        inner: type[Element] | None = None if item.is_list else item.model
        if item.chosen or (inner and _open(inner)):
            found.append(item)
    return tuple(found)
