"""Networks, and headers of the journal, that the tests start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from netreconcile import codec
from netreconcile.entry import Header, snapshot_records
from netreconcile.fill import mark_of
from netreconcile.model import Network, Topology
from netreconcile.observed import Guest, Host, Observed, observed

if TYPE_CHECKING:
    from collections.abc import Mapping

UUID = "11111111-2222-4333-8444-555555555555"
MAC = "52:54:00:00:00:01"
VERSION = (12, 0, 0)
GUEST = Guest("web", "52:54:00:00:00:99", "vnet7")


def network(**values: Any) -> Network:
    """Return a NAT network that says everything libvirt would choose, with the values changed."""
    given = {
        "mode": "nat",
        "uuid": UUID,
        "mac": MAC,
        "bridge": {"name": "br1", "stp": True, "delay": 0},
        "ips": [{"address": "10.0.0.1/24"}],
    }
    return Network.model_validate({**given, **values})


def topology(**networks: Network) -> Topology:
    """Return a topology called lab."""
    return Topology(version=1, name="lab", networks=networks)


def there(
    config: Network | None, running: Network | None = None, *, name: str = "net", owner: str | None = "lab", **more: Any
) -> Observed:
    """Return the network as a host has it: defined as `config`, running as `running`."""

    def xml(network: Network | None) -> str | None:
        if network is None:
            return None
        mark = mark_of(topology().model_copy(update={"name": owner}), network) if owner else None
        return codec.new(name, network, mark)

    known = config or running
    assert known is not None
    autostart = more.pop("autostart", config is not None)
    return observed(
        name,
        known.uuid or "",
        config_xml=xml(config),
        running_xml=xml(running),
        autostart=autostart,
        guests=more.pop("guests", ()),
    )


def host(*networks: Observed, version: tuple[int, int, int] = VERSION) -> Host:
    """Return a host with the networks."""
    return Host("test:///unit", version, {item.name: item for item in networks})


def header(before: Mapping[str, Observed | None] | None = None, **values: Any) -> Header:
    """Return the header of an entry about networks that were so before, with the values changed."""
    given = {
        "command": "apply",
        "topology": "lab",
        "digest": "0123456789abcdef0123",
        "files": ("lab.yaml",),
        "connection": "test:///unit",
        "when": 1_700_000_000.0,
        "who": "root on host",
        "fingerprint": "abcdef0123456789abcd",
        "text": ("topology lab", "nothing else"),
        "plan": {"impact": "live", "needs_consent": False},
        "before": snapshot_records(before or {}),
    }
    return Header.model_validate({**given, **values})
