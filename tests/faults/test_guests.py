"""A fault at every call of a plan that cuts guests off: in the end every guest hangs where it hung before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.folder import VARIABLE
from tests.faults.conftest import PROPERTY
from tests.faults.daemon import kill_daemon
from tests.faults.proxy import Fault, Proxy
from tests.faults.runner import Runner
from tests.guesthost import DOMAIN, by_bridge, by_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.faults.runner import Ended
    from tests.guesthost import GuestHost, Plug

pytestmark = pytest.mark.guests

Said = dict[str, Any]
BEFORE: dict[str, Said] = {
    "wire": {"mode": "very-isolated", "bridge": {"name": "vbr-w", "stp": False}, "portgroups": [{"name": "fast"}]},
    "other": {"mode": "very-isolated", "bridge": {"name": "vbr-o", "stp": False}},
}
AFTER: dict[str, Said] = {"wire": {**BEFORE["wire"], "mtu": 1400}, "other": {**BEFORE["other"], "mtu": 1300}}
GUESTS = {
    "named": by_name(1, "wire", "fast"),
    "straight": by_bridge(2, "vbr-w"),
    "lonely": by_bridge(3, "vbr-o"),
}
"""Nobody names the network `other`: that its guest is cut off is nothing that libvirt tells."""
FAULTS = {
    "fails": Fault.FAIL,
    "dropped before": Fault.DROP_BEFORE,
    "dropped after": Fault.DROP_AFTER,
    "killed before": Fault.KILL_BEFORE,
    "killed after": Fault.KILL_AFTER,
    "daemon killed after": Fault.KILL_AFTER,
}


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    with Runner(tmp_path) as runner:
        yield runner


@pytest.fixture
def there(guests: GuestHost) -> Iterator[GuestHost]:
    """The host with the guests of this module only."""
    guests.remove_guests()
    guests.clear()
    yield guests
    guests.reconnect()
    guests.remove_guests()
    guests.clear()


@pytest.mark.parametrize("fault", FAULTS)
def test_guests_survive_a_fault_at_any_call_that_writes(
    there: GuestHost, runner: Runner, fault: str, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    state = {VARIABLE: str(tmp_path / "state")}
    outcomes: dict[str, int] = {}

    with Proxy(there.uri) as proxy:

        def run(command: str, *arguments: str) -> Ended:
            proxy.reset()
            return runner.run([command, "-c", proxy.uri, *arguments], state)

        number, fired, calls = 0, True, 0
        while fired:
            plugs = _prepared(there, run)
            file = there.file(AFTER)
            hit = (lambda: kill_daemon(there.lab)) if fault.startswith("daemon") else runner.kill
            kills = FAULTS[fault] in (Fault.KILL_BEFORE, Fault.KILL_AFTER)
            proxy.arm(number, FAULTS[fault], writes_only=True, on_kill=hit if kills else None)
            ended = runner.run(["apply", "-c", proxy.uri, "--again", "--allow-disruption", file], state)
            fired, calls = proxy.fired, max(calls, len(proxy.calls))
            place = f"{fault} at write {number}: {ended}"
            assert "Traceback" not in ended.said, place
            assert "unexpected" not in ended.said, place
            outcome = {0: "done", 4: "rolled back"}.get(ended.code, "")
            there.reconnect()
            if not outcome:
                back = number % 2
                ended = (
                    run("rollback", "--allow-disruption")
                    if back
                    else run("apply", "--again", "--allow-disruption", file)
                )
                outcome = "undone by rollback" if back else "finished by apply"
                assert ended.code == 0, f"{place}\nthen: {ended}"
            there.reconnect()
            assert there.plugs() == plugs, place
            assert there.plugged(), place
            mtus = {name: there.running(name).mtu for name in AFTER}
            assert mtus in ({"wire": 1400, "other": 1300}, {"wire": None, "other": None}), place
            outcomes[outcome] = outcomes.get(outcome, 0) + bool(fired)
            number += 1
    record_property(PROPERTY, ("guests", fault, calls, outcomes))


def _prepared(there: GuestHost, run: Callable[..., Ended]) -> dict[tuple[str, str], Plug]:
    """Return where the guests hang, when the networks are as they are before, and nothing is to be finished."""
    ended = run("apply", "--again", "--allow-disruption", there.file(BEFORE))
    assert ended.code == 0, ended
    there.reconnect()
    running = {domain.name() for domain in there.connection.listAllDomains()}
    for name, devices in GUESTS.items():
        if name not in running:
            there.connection.createXML(DOMAIN.format(name=name, interfaces=devices))
    assert there.plugged()
    return there.plugs()
