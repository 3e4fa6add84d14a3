"""A lab needs no root."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import libvirt

    from .conftest import Cli, Traces
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.lab


def test_an_ordinary_user_has_real_networks(as_user: Cli, traces: Traces) -> None:
    assert as_user("start").returncode == 0
    (lab,) = json.loads(as_user("list", "-o", "json").stdout)["labs"]
    assert lab["name"] == "lab"
    traces.follow(lab["pid"])
    connection = libvirt.open(lab["uri"])
    network = connection.networkCreateXML(
        "<network><name>n</name><forward mode='nat'/><ip address='192.168.77.1' prefix='24'>"
        "<dhcp><range start='192.168.77.2' end='192.168.77.9'/></dhcp></ip></network>"
    )
    assert network.isActive()
    connection.close()
    assert as_user("stop", "--all").returncode == 0
    traces.check()


def test_labs_without_a_name_are_counted(as_user: Cli) -> None:
    for _ in range(3):
        assert as_user("start", "--no-scenery").returncode == 0
    assert [line.split()[0] for line in as_user("list").stdout.splitlines()] == ["lab", "lab2", "lab3"]
    several = as_user("shell")
    assert several.returncode == 69
    assert "lab, lab2, lab3" in several.stderr
    assert as_user("stop", "lab", "lab3").returncode == 0
    assert as_user("shell", input="hostname").stdout == "lab2\n"
    assert as_user("stop", "--all").returncode == 0
    assert as_user("list").stdout == ""


def test_users_do_not_see_each_others_labs(as_user: Cli, cli: Cli) -> None:
    as_user("start", "--name", "theirs", "--no-scenery")
    assert "theirs" not in cli("list").stdout
    assert cli("stop", "theirs").returncode == 69
    assert as_user("stop", "theirs").returncode == 0


def test_the_sample_host_is_there_for_an_ordinary_user(as_user: Cli) -> None:
    done = as_user("run", "--", "ping", "-c1", "-W9", "198.51.100.1")
    assert done.returncode == 0, done.stdout + done.stderr


def test_guests_are_refused_with_a_reason(as_user: Cli) -> None:
    done = as_user("run", "--guests", "--", "true")
    assert done.returncode == 69
    assert "sudo" in done.stderr


def test_the_doctor_is_content(as_user: Cli) -> None:
    done = as_user("doctor")
    assert done.returncode == 0, done.stdout
    assert "FAIL" not in done.stdout
