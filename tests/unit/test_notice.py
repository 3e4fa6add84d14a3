"""Drift as a paragraph in somebody's mail."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.below.finding import Finding
from netreconcile.below.remedy import Remedy, by_hand, run
from netreconcile.entry import Ended, Entry, Status
from netreconcile.notice import Background, notice
from netreconcile.plan import plan
from netreconcile.render import drift_lines
from tests.unit.examples import GUEST, header, host, network, there, topology

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.observed import Observed
    from netreconcile.plan import Plan

MANUAL = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")
KNOWN = Background("qemu:///system", ["site/"])


def drifted(*networks: Observed, **wanted: dict[str, Any]) -> Plan:
    return plan(topology(**{name: network(**values) for name, values in wanted.items()}), host(*networks))


def test_it_says_what_differs_what_mends_it_and_at_what_price() -> None:
    found = drifted(there(network(), network(mtu=9000)), net={})
    assert notice(found, KNOWN) == (
        "lab: 1 of 1 network on qemu:///system differs: net (pending restart). `netreconcile apply site/` mends this: "
        "impact restart; no guest loses its link. `netreconcile plan site/` shows it step by step."
    )


def test_guests_that_apply_would_cut_off_are_named_with_the_consent_that_it_needs() -> None:
    found = drifted(there(network(), network(mtu=9000), guests=(GUEST,)), net={})
    assert "impact restart; cuts off 1 guest: web vnet7, so it needs --allow-disruption." in notice(found, KNOWN)


def test_guests_without_a_link_are_named() -> None:
    found = drifted(there(network(), network(), guests=(replace(GUEST, plugged=False),)), net={})
    told = notice(found, KNOWN)
    assert "net (guest unplugged)." in told
    assert "Without a link now: 1 guest: web vnet7." in told


def test_it_says_since_when_as_far_as_that_is_known() -> None:
    found = drifted(there(network(), None), net={})
    ended = Ended(status=Status.APPLIED, when=1)
    known = replace(KNOWN, agreed=1_800_000_000.0, latest=Entry(7, header(topology="lab"), (ended,)))
    told = notice(found, known)
    assert "All was well when last looked at, 20" in told
    assert "The last change from here was entry 7, apply by " in told
    assert told.index("All was well") < told.index("The last change") < told.index("`netreconcile apply")
    assert "when last" not in notice(found, KNOWN)


@pytest.mark.usefixtures("_utc")
def test_it_says_since_when_something_is_wrong_below_libvirt() -> None:
    dead = Finding("net", "dnsmasq", "", "running", "gone", by_hand("wait"), first_seen=_at("2026-11-28 14:03:00"))
    clean = drifted(there(network(), network()), net={})
    assert "since: net (dnsmasq) 2026-11-28 14:03:00." in notice(clean, KNOWN, [dead])
    assert "since" not in notice(clean, KNOWN, [replace(dead, first_seen=None)])


@pytest.fixture
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is as late as in Greenwich."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_utc")
def test_the_mail_in_the_manual_is_what_cron_sends() -> None:
    late = network(dns={"hosts": [{"ip": "192.168.122.9", "hostnames": ["late"]}]})
    wire = network(uuid="22222222-2222-4333-8444-555555555555", mac="52:54:00:00:00:02", bridge="br2", ips=[])
    other = network(uuid="33333333-2222-4333-8444-555555555555", mac="52:54:00:00:00:03", bridge="br3", ips=[])
    wanted = {"default": network(), "wire": wire, "other": other}
    here = host(there(network(), late, name="default"), there(wire, name="wire"), there(other, other, name="other"))
    found = replace(plan(topology(**wanted), here), topology="home-lab")
    applied = header(topology="home-lab", who="ann as root on host", when=_at("2026-11-27 09:12:40"))
    latest = Entry(7, applied, (Ended(status=Status.APPLIED, when=1),))
    known = Background(
        "qemu:///system",
        ["/etc/netreconcile/site"],
        agreed=_at("2026-11-28 15:20:02"),
        latest=latest,
        written={"default": _at("2026-11-28 15:23:41")},
    )
    (mail,) = re.findall(r"```\n(home-lab: .*?)```", MANUAL, re.DOTALL)
    paragraph = notice(found, known)
    shown = mail.splitlines()
    lines = [line.text for line in drift_lines(found)]
    assert shown[-len(lines) :] == lines
    assert " ".join(shown[: -len(lines)]) == paragraph


def _at(when: str) -> float:
    return datetime.fromisoformat(when).replace(tzinfo=UTC).timestamp()


def test_what_apply_would_leave_as_it_is_is_named_and_nothing_else_is_promised() -> None:
    told = notice(drifted(there(network(), owner="other"), net={}), KNOWN)
    assert "net (refused)." in told
    assert told.endswith("Not mended by apply, for the reason below: net.")
    assert "mends" not in told


def test_what_can_be_mended_is_the_rest() -> None:
    wire: dict[str, Any] = {"uuid": None, "mac": None, "bridge": None, "ips": [{"address": "10.9.0.1/24"}]}
    told = notice(drifted(there(network(), owner="other"), net={}, wire=wire), KNOWN)
    assert "`netreconcile apply site/` mends the rest" in told
    assert told.endswith(" for the reason below: net.")


def test_what_is_below_libvirt_is_told_with_who_notices() -> None:
    dead = Finding("net", "dnsmasq", "", "running", "gone", by_hand("wait"))
    told = notice(drifted(there(network(), network()), net={}), KNOWN, [dead])
    assert told.startswith(
        "lab: 1 of 1 network on qemu:///system differs: net (dnsmasq). Who notices: net: its guests "
    )
    assert "netreconcile apply" not in told
    told = notice(drifted(there(network(), None), net={}), KNOWN, [dead])
    assert "net (stopped, dnsmasq)" in told
    assert "`netreconcile apply site/` mends what libvirt has:" in told
    assert told.endswith("By hand, as each finding says: net (dnsmasq).")
    down = Finding("net", "bridge.up", "", "up", "down", Remedy((run("ip link set br1 up"),)))
    told = notice(drifted(there(network(), network()), net={}), KNOWN, [down])
    assert told.endswith("`netreconcile repair site/` mends what is below libvirt; its price stands with each finding.")


def test_many_networks_are_counted_not_listed() -> None:
    found = drifted(**{f"n{number}": {"state": "active"} for number in range(9)})
    told = notice(found, KNOWN)
    assert told.startswith("lab: 9 of 9 networks on qemu:///system differ: n0 (missing), n1 (missing), n2 (missing), ")
    assert " and 5 more." in told
    assert len(list(drift_lines(found))) == 9


def test_the_commands_in_it_can_be_copied_and_names_cannot_break_the_paragraph() -> None:
    odd = replace(drifted(net={}), topology="a\nb\x1b[2J")
    told = notice(odd, Background("qemu:///system", ["-c", "qemu:///system?a=b", "my site/"], remote=True))
    assert told.isprintable()
    assert "`netreconcile apply -c 'qemu:///system?a=b' 'my site/'` on the host mends this" in told
