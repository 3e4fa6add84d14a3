"""`verify` as a command: what it prints where, how it ends, and what it says where it can't look."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.real.stage import NETRECONCILE, Stage, environment, on
from tests.real.stage import lent as lending

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from netreconcile.lab import Lab
    from tests.conftest import LabHost

pytestmark = [pytest.mark.lab, pytest.mark.worlds]

NAT = on("v-cmd", "nat", lending("10.60.0.1/24", "10.60.0.100-10.60.0.150"))
WIRE = on("v-wire", "very-isolated")


@pytest.fixture
def there(lab: Lab, host: LabHost, tmp_path: Path) -> Iterator[Stage]:
    """The lab's host, cleared afterwards, with commands that run on it."""
    stage = Stage(lab, tmp_path)
    assert host.names() == set()
    yield stage
    stage.connection.close()


def test_a_report_is_on_stdout_and_what_will_be_done_is_told_first_on_stderr(there: Stage) -> None:
    file = there.file({"nat": NAT, "wire": WIRE})
    there.applied({"nat": NAT, "wire": WIRE})
    ran = there.inside("verify", file)
    assert ran.code == 0
    assert "nothing is plugged in" in ran.err
    assert "nat: nat, " in ran.out
    assert "wire: very-isolated, " in ran.out
    assert "\x1b" not in ran.out
    assert ran.out.splitlines()[-1].startswith("2 networks: ")
    assert ran.out.splitlines()[-1].endswith(" promises kept")


def test_a_broken_promise_is_2_and_told_with_what_mends_it(there: Stage) -> None:
    there.applied({"nat": NAT, "wire": WIRE})
    file = there.file({"nat": NAT, "wire": WIRE})
    there.shell("ip link set v-wire down")
    ran = there.inside("verify", file)
    assert ran.code == 2
    (broken,) = (line for line in ran.out.splitlines() if line.startswith("  BROKEN"))
    assert broken.split() == ["BROKEN", "bridge.up", "up", "down"]
    assert "  hint      `ip link set v-wire up`" in ran.out
    assert ran.out.splitlines()[-1].endswith("1 broken; broken in wire")
    only = there.inside("verify", file, "--network", "nat")
    assert (only.code, "wire" in only.out) == (0, False)


def test_a_network_that_is_to_run_and_doesnt_is_broken_and_one_that_isnt_to_is_no_matter(there: Stage) -> None:
    wanted = {"nat": NAT, "wire": {**WIRE, "state": "inactive"}}
    there.applied(wanted)
    there.network("nat").destroy()
    ran = there.inside("verify", there.file(wanted))
    assert ran.code == 2
    assert "BROKEN    runs" in ran.out
    assert "wire" not in ran.out
    there.network("nat").undefine()
    assert there.inside("verify", there.file(wanted)).code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--network", "nta"), "no network 'nta'; it has nat, wire"),
        (("--network", "wire"), "network 'wire' is to be inactive, and promises nothing"),
        (("--lan",), "--lan goes with --full"),
    ],
)
def test_what_cant_be_asked_for_is_64(there: Stage, arguments: tuple[str, ...], said: str) -> None:
    ran = there.inside("verify", there.file({"nat": NAT, "wire": {**WIRE, "state": "inactive"}}), *arguments)
    assert (ran.code, ran.out) == (64, "")
    assert said in ran.err


def test_nothing_to_look_at_is_no_failure(there: Stage) -> None:
    ran = there.inside("verify", there.file({"wire": {**WIRE, "state": "inactive"}}))
    assert (ran.code, ran.out) == (0, "no network of this topology is to be active\n")


def test_from_another_host_it_says_what_it_cant_see_and_is_no_success(host: LabHost) -> None:
    host.applied({"nat": NAT})
    ran = host.run("verify", host.file({"nat": NAT}))
    assert ran.code == 1
    assert "another network namespace" in ran.err
    assert "ok        runs" in ran.out
    assert "BROKEN" not in ran.out
    document = host.run("verify", host.file({"nat": NAT}), "-o", "json").verification
    assert (document["kept"], document["broken"]) == (1, 0)
    assert document["unseen"] > 0
    host.network("nat").destroy()
    assert host.run("verify", host.file({"nat": NAT})).code == 2, "that much libvirt tells"


def test_an_ordinary_user_is_told_to_use_sudo(there: Stage) -> None:
    there.applied({"nat": NAT})
    # In a user namespace without a map of users root is nobody.
    command = ("unshare", "--user", *NETRECONCILE, "verify", there.file({"nat": NAT}))
    ran = there.lab.run(*command, env=environment(), capture_output=True)
    assert ran.returncode == 1, ran.stderr
    assert "run it with sudo" in ran.stderr
    assert "not seen" in ran.stdout


def test_json_is_as_its_schema_says_and_holds_what_the_text_says(there: Stage) -> None:
    there.applied({"nat": NAT})
    ran = there.inside("verify", there.file({"nat": NAT}), "-o", "json")
    document = ran.verification
    assert (document["topology"], document["level"], document["broken"]) == ("tests", "quick", 0)
    (network,) = document["networks"]
    assert document["kept"] == len(network["promises"])
    text = there.inside("verify", there.file({"nat": NAT})).out
    for promise in network["promises"]:
        assert promise["code"] in text
    assert json.loads(ran.out) == document
