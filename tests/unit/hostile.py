"""A topology and its host with names that try to be something else: a report's syntax, a script, another line."""

from __future__ import annotations

from netreconcile.model import Topology
from netreconcile.observed import Guest, Host
from netreconcile.plan import Plan, plan
from tests.unit.examples import host, network, there

NAMES = (
    "a|b`c``d```",
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>&amp;#60;",
    "::error file=x::y%0A::stop-commands::z",
    "]]></failure><failure>",
    "</title></svg></style>{{ 7*7 }}{% raw %}",
    '\\"; end; subgraph x --> y %%{init: {}}%%',
    "# @everyone [click](javascript:alert(3)) ![](https://example.org/x) --- __x__ #1 !2",
    "line\nbreak\r\u2028\u202e::warning::",
    "漢字" * 40,
)
OWNER = NAMES[1]


def topology() -> Topology:
    """Return a topology that differs from the host in each network; a file can't have all of these names."""
    networks = {
        name: network(
            **_own(number),
            mtu=1400,
            domain="a.example",
            forward={"dev": f"eth{number}|`<b>"},
        )
        for number, name in enumerate(NAMES)
    }
    new = network(uuid=None, mac=None, bridge="br99", ips=[{"address": "10.99.0.1/24"}])
    return Topology.model_construct(version=1, name=OWNER, networks={**networks, "new": new})


def there_is() -> Host:
    """Return the host, with a guest of the same name on each network, and one network more than the file has."""
    gone = there(network(**_own(200)), network(**_own(200)), name="gone <b>`|", owner=OWNER)
    return host(
        gone,
        *(
            there(
                network(**_own(number)),
                network(**_own(number)),
                name=name,
                owner=OWNER,
                guests=(Guest(name, f"52:54:00:00:01:{number:02x}", NAMES[-2]),),
            )
            for number, name in enumerate(NAMES)
        ),
    )


def planned() -> Plan:
    """Return the plan for it."""
    return plan(topology(), there_is())


def _own(number: int) -> dict[str, object]:
    """Return what two networks of a host can't share."""
    return {
        "uuid": f"11111111-2222-4333-8444-5555555555{number:02x}",
        "mac": f"52:54:00:00:02:{number:02x}",
        "bridge": {"name": f"br{number}", "stp": True, "delay": 0},
        "ips": [{"address": f"10.{number}.0.1/24"}],
    }
