"""`verify` tells what guests experience: all promises of every kind kept, those broken on purpose broken, no others."""

from __future__ import annotations

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from netreconcile.lab import Lab, programs
from tests.real.damage import ROUNDS, mend
from tests.real.stage import NETWORKS, Stage, furnish
from tests.real.test_samples import NEWER, SAMPLES, permissions
from tests.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from tests.real.damage import Damage
    from tests.real.stage import Said

pytestmark = pytest.mark.lab

UNSEEN = {
    "pinned: out4",
    *(f"narrow: {promise}" for promise in ("dns fd30:10::1", "host6 fd30:10::1", "out6", "into6")),
    *(f"small: {promise}" for promise in ("ra", "out6")),
}
"""The promises of `NETWORKS` that guests can't see: what leaves through one interface only meets no far end, a guest
takes no address of a small IPv6 subnet, where it may be somebody's, and there is no IPv6 with a small MTU."""
REMARKS = {
    "half-nat: nat6-routed-open",
    *(f"{name}: isolated-reaches-host" for name in ("isolated", "plain", "sandbox", "small")),
}
"""What there is to say about `NETWORKS` though they keep their promises."""
UNSEEN_IN_SAMPLES = {
    "macvtap": {"one-card-each: dhcp4", "switch-decides: guests4", "switch-decides: guests6"},
    "nat": {"shop: out4"},
    "portgroups": {"switch: vlan storage 42", "switch: vlan trunk 42", "switch: vlan trunk 47"},
    "routed": {"servers: out4", "servers: into4"},
}
"""The same of samples: besides, a device that is handed out whole isn't taken, LANs have switches of their own, and a
bridge that doesn't filter VLANs has none."""
OF_RULES = ("nothing-forwarded", "rules-flushed")
"""The rounds in which something becomes of the rules, which each backend of libvirt's has in another place."""
CUTS = (
    *((moment, signal.SIGKILL) for moment in (0.5, 1.0, 1.6, 3.0)),
    *((moment, signal.SIGINT) for moment in (0.8, 2.2)),
)
"""Seconds after its start when a run is cut short, and how; a whole one takes five to eight."""


@pytest.fixture(scope="module", autouse=True)
def possible() -> None:
    """A machine without a daemon skips these tests, except in CI."""
    lacking = programs.missing()
    if lacking or not find_spec("libvirt"):
        hint = programs.install_command(lacking) if lacking else "pip install libvirt-python"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(hint)


@contextmanager
def stage(folder: Path, root: str) -> Generator[Stage]:
    """A new lab's host, where every device is that a topology needs."""
    with Lab(scenery=True, root=root) as lab:
        there = Stage(lab, folder)
        furnish(there)
        yield there
        there.connection.close()


@pytest.fixture
def there(tmp_path: Path, libvirt_root: str) -> Iterator[Stage]:
    with stage(tmp_path, libvirt_root) as host:
        yield host


def applied(host: Stage, networks: dict[str, Said]) -> str:
    """Return the path of a topology file that the host is in sync with."""
    file = host.file(networks)
    ran = host.inside("apply", file)
    assert ran.code == 0, ran.err
    return file


@pytest.mark.worlds
def test_every_kind_keeps_its_promises_and_nothing_is_left_of_the_guests(there: Stage) -> None:
    file = applied(there, NETWORKS)
    before = there.everything()
    with there.watched() as came:
        full = there.verify(file, "--full", "--lan")
    assert (full.code, full.standing("broken"), full.standing("unseen")) == (0, set(), UNSEEN)
    assert [link for link in came if not link.startswith("nrv")] == []  # no bridge had another MAC address or MTU
    assert {network["name"] for network in full.document["networks"]} == set(NETWORKS)
    assert full.remarks == REMARKS
    quick = there.verify(file)
    assert (quick.code, quick.standing("broken")) == (0, set())
    assert eventually(lambda: there.everything() == before), there.everything()


@pytest.mark.parametrize("name", sorted(ROUNDS.keys() - OF_RULES))
def test_damage_is_told_exactly_and_no_more_once_it_is_mended(there: Stage, name: str) -> None:
    tell_and_mend(there, *ROUNDS[name])


@pytest.mark.worlds
@pytest.mark.parametrize("name", OF_RULES)
def test_damage_of_rules_is_told_exactly_and_no_more_once_it_is_mended(there: Stage, name: str) -> None:
    tell_and_mend(there, *ROUNDS[name])


def tell_and_mend(there: Stage, names: tuple[str, ...], damages: tuple[Damage, ...]) -> None:
    """All the damages happen at the same time; they are told, and nothing else is."""
    file = applied(there, {name: NETWORKS[name] for name in names})
    before = there.everything()
    for damage in damages:
        damage.do(there)
    damaged = there.everything()
    quick, full = there.verify(file), there.verify(file, "--full", "--lan")
    assert quick.standing("broken") == {told for damage in damages for told in damage.told(damage.quick)}
    assert full.standing("broken") == {told for damage in damages for told in damage.told(damage.quick, damage.guests)}
    assert full.remarks >= {told for damage in damages for told in damage.told(damage.remarks)}
    assert (quick.code, full.code) == (2, 2)
    assert eventually(lambda: there.everything() == damaged), there.everything()
    mend(there, damages)
    again = there.verify(file, "--full", "--lan")
    assert (again.code, again.standing("broken"), again.standing("unseen")) == (0, set(), of(names, UNSEEN))
    assert again.remarks == of(names, REMARKS)
    assert eventually(lambda: there.everything() == before), there.everything()


def of(names: tuple[str, ...], told: set[str]) -> set[str]:
    """Return what is told of these networks."""
    return {one for one in told if one.partition(":")[0] in names}


def test_every_sample_keeps_its_promises(tmp_path: Path, libvirt_root: str) -> None:
    samples = [path for path in SAMPLES if path.stem != NEWER]
    with ThreadPoolExecutor(10) as pool:
        looked = pool.map(lambda path: look(path, tmp_path, libvirt_root), samples)
        told = dict(zip([path.stem for path in samples], looked, strict=True))
    assert {name: broken for name, (broken, _) in told.items() if broken} == {}
    assert {name: unseen for name, (_, unseen) in told.items() if unseen} == UNSEEN_IN_SAMPLES


def look(sample: Path, folder: Path, root: str) -> tuple[set[str], set[str]]:
    """Return the promises of a sample that are broken, at both levels, and those that can't be seen."""
    with stage(folder, root) as host:
        if sample.stem == "macvtap":
            host.shell("ip link set eth1 nomaster")  # no macvtap on a bridge's port
        ran = host.inside("apply", str(sample), *permissions(sample))
        assert ran.code == 0, ran.err
        quick, full = host.verify(str(sample)), host.verify(str(sample), "--full", "--lan")
        return quick.standing("broken") | full.standing("broken"), full.standing("unseen")


def test_nothing_is_left_of_a_run_that_is_cut_short(there: Stage) -> None:
    file = applied(there, {name: NETWORKS[name] for name in ("nat", "nat66", "isolated", "wire", "lan", "cards")})
    leases, traces = there.leases(), there.traces()
    busy = 0
    for moment, number in CUTS:
        process = there.begin(file, "--full", "--lan")
        with suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        busy += there.traces()["links"] != traces["links"]
        there.send(process, number)
        process.communicate()
        assert process.returncode == 128 + number, moment
        assert eventually(lambda: there.traces() == traces), (moment, number, there.traces())
    assert busy  # guests were plugged in
    # A lease that the killed run took is the next run's, which gives it back.
    after = there.verify(file, "--full", "--lan")
    assert (after.code, after.standing("broken"), after.standing("unseen")) == (0, set(), set())
    assert eventually(lambda: there.leases() == leases), there.leases()


def test_runs_at_the_same_time_see_the_same(there: Stage) -> None:
    file = applied(there, {name: NETWORKS[name] for name in ("nat", "nat66", "isolated", "lan", "cards")})
    before = there.everything()
    with ThreadPoolExecutor(2) as pool:
        runs = list(pool.map(lambda _: there.verify(file, "--full", "--lan"), range(2)))
    assert [(run.code, run.standing("broken"), run.standing("unseen")) for run in runs] == [(0, set(), set())] * 2
    assert eventually(lambda: there.everything() == before), there.everything()


def test_the_quick_level_plugs_nothing_in(there: Stage) -> None:
    file = applied(there, NETWORKS)
    with there.watched() as came:
        assert there.verify(file).code == 0
    assert came == set()


def test_nothing_comes_into_a_lan_unless_that_is_asked_for(there: Stage) -> None:
    file = applied(there, {name: NETWORKS[name] for name in ("lan", "cards")})
    with there.watched() as came:
        told = there.verify(file, "--full")
    assert (told.code, told.standing("broken"), came) == (0, set(), set())
    with there.watched() as came:
        assert there.verify(file, "--full", "--lan").code == 0
    assert came
    assert there.lan_leases() == ""
