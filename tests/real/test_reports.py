"""Pictures and reports of a real libvirt host, from the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from lxml import etree
from lxml import html as parser

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LabHost

pytestmark = pytest.mark.lab

NAT = {"mode": "nat", "bridge": "virbr-n", "ips": [{"address": "10.1.0.1/24"}]}
LAN = {"mode": "bridge", "bridge": "br0"}


def test_a_host_is_drawn_and_its_file_and_what_differs(host: LabHost, tmp_path: Path) -> None:
    host.applied({"nat": NAT, "lan": LAN})
    here = host.run("graph")
    assert here.code == 0
    assert 'net1["nat<br/>nat<br/>virbr-n' in here.out
    wanted = host.file({"nat": {**NAT, "mtu": 1400}, "wire": {"mode": "very-isolated"}})
    both = host.run("graph", "-o", "dot", wanted)
    for name, tone in (("nat", "nat: differs"), ("wire", "very-isolated: missing"), ("lan", "bridge: to be removed")):
        assert rf'label="{name}\n{tone}' in both.out
    alone = host.run("graph", "-c", "", "-o", "svg", wanted)
    assert etree.fromstring(alone.out).findtext("{*}title") == "topology tests"
    assert "missing" not in alone.out.replace("--missing", "")
    state = str(tmp_path / "state.json")
    assert host.run("show", "--export", state).code == 0
    for arguments in ((), (wanted,)):
        stored = host.run("graph", "-c", "", "--state", state, "-o", "dot", *arguments)
        assert stored.out == host.run("graph", "-o", "dot", *arguments).out


@pytest.mark.parametrize("command", ["plan", "drift"])
def test_each_report_tells_of_a_network_that_differs(host: LabHost, command: str) -> None:
    host.applied({"nat": NAT})
    wanted = host.file({"nat": {**NAT, "domain": "a.example"}})
    text = {
        form: host.run(command, "-o", form, wanted)
        for form in ("markdown", "html", "github", "gitlab", "gitlab-quality", "junit")
    }
    assert {ran.code for ran in text.values()} == {2 if command == "drift" else 0}
    assert "+ nat: file changed: domain.name: a.example" in text["markdown"].out
    assert parser.fromstring(text["html"].out).xpath("string(//article//h3)") == "nat"
    assert "title=netreconcile" in text["github"].out
    assert text["gitlab"].json == {"create": 0, "update": 1, "delete": 0}
    (finding,) = text["gitlab-quality"].json
    assert json.dumps("netreconcile.file-changed") in json.dumps(finding)
    assert etree.fromstring(text["junit"].out).get("failures") == "1"


def test_a_host_in_sync_passes_in_each_report(host: LabHost) -> None:
    host.applied({"nat": NAT})
    wanted = host.file({"nat": NAT})
    for form, shown in (("markdown", "in sync"), ("html", "Nothing differs."), ("junit", 'failures="0"')):
        ran = host.run("drift", "-o", form, wanted)
        assert ran.code == 0
        assert shown in ran.out
    assert host.run("drift", "-o", "github", wanted).out == ""
    assert host.run("drift", "-o", "gitlab-quality", wanted).json == []
