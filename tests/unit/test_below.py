"""Findings below libvirt as values: what mends each, what a repair leaves alone, and how networks stand."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface, ip_network
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.actions import Define, Impact, Replug, Start, Stop
from netreconcile.below.finding import Finding, as_they_run, found, sifted
from netreconcile.below.mending import FILE_CHANGED, bridgeless, mendable, mending
from netreconcile.below.overview import overview, overview_document, overview_lines
from netreconcile.below.remedy import Remedy, Renew, Reread, Restart, Serve, by_hand, run, serving, steps
from netreconcile.below.report import finding_lines, prospect
from netreconcile.drift import Cause
from netreconcile.kernel.ruleset import Ruleset
from netreconcile.kernel.state import Address, KernelState, Link, Route, Server, Unread
from netreconcile.model import Accepted
from netreconcile.networkplan import Verb
from netreconcile.observed import Host
from netreconcile.plan import plan
from tests.unit.examples import GUEST, VERSION, network, there, topology
from tests.unit.test_beneath import BRIDGE, STATE, UPLINK, target

if TYPE_CHECKING:
    from netreconcile.model import Network
    from netreconcile.observed import Guest

TAP = Link("vnet7", 9, "tun", up=True, master="br1")


def host(*guests: Guest, running: Network | None = None) -> Host:
    """Return a host with the one network running."""
    running = running or network()
    return Host("qemu:///system", VERSION, {"net": there(running, running, guests=guests)})


def findings(state: KernelState, *guests: Guest, running: Network | None = None) -> tuple[Finding, ...]:
    return found([target(running)], host(*guests, running=running), state)[0]


def bridge(**changes: Any) -> KernelState:
    return replace(STATE, links=(UPLINK, replace(BRIDGE, **changes)))


def test_a_host_that_has_all_has_no_finding() -> None:
    assert found([target()], host(), STATE) == ((), "")


def test_what_cannot_be_read_is_no_finding_but_told() -> None:
    state = replace(STATE, rules=Unread("`nft` isn't installed"))
    assert found([target()], host(), state) == ((), "`nft` isn't installed")


def test_a_finding_says_what_it_is_who_notices_and_what_mends_it_at_what_price() -> None:
    lines = [line.text for line in finding_lines(findings(bridge(up=False)))]
    assert lines == [
        "net: below libvirt: bridge.up: down, instead of up (its guests reach nobody)",
        "    repair: ip link set br1 up  (live: no guest loses its link)",
    ]


def test_a_tap_that_is_not_on_its_bridge_is_put_there() -> None:
    assert findings(replace(STATE, links=(UPLINK, BRIDGE, TAP)), GUEST) == ()
    (finding,) = findings(replace(STATE, links=(UPLINK, BRIDGE, replace(TAP, master="br9"))), GUEST)
    assert (finding.subject, finding.seen) == ("web vnet7", "on br9")
    assert finding.remedy.sentences == ("ip link set vnet7 master br1",)
    assert (
        findings(replace(STATE, links=(UPLINK, BRIDGE, replace(TAP, master=""))), replace(GUEST, plugged=False)) == ()
    )


def test_a_bridge_filters_vlans_only_where_libvirt_holds_its_table_of_mac_addresses() -> None:
    (finding,) = findings(bridge(vlan_filtering=True))
    assert finding.remedy.sentences == ("ip link set br1 type bridge vlan_filtering 0",)
    held = network(bridge={"name": "br1", "mac_table_manager": "libvirt"})
    assert findings(bridge(vlan_filtering=True), running=held) == ()
    (finding,) = findings(bridge(vlan_filtering=False), running=held)
    assert finding.remedy.sentences == ("ip link set br1 type bridge vlan_filtering 1",)


def test_a_bridge_that_is_gone_needs_a_restart_unless_libvirt_could_not_start_it() -> None:
    gone = replace(STATE, links=(UPLINK,))
    (finding, *_) = findings(gone)
    assert (finding.code, finding.remedy.restarts, finding.remedy.impact) == ("bridge", True, Impact.RESTART)
    (finding, *_) = findings(replace(gone, rules=Ruleset()))
    assert finding.remedy.by_hand
    assert "virsh net-destroy net; systemctl restart libvirtd" in finding.remedy.sentences[0]
    (finding, *_) = findings(replace(STATE, links=(UPLINK, replace(BRIDGE, kind="dummy"))))
    assert finding.remedy.by_hand


def test_forwarding_of_ipv6_is_left_to_hands_where_the_host_would_lose_its_own_way() -> None:
    running = network(ips=[{"address": "fd00::1/64"}], mode="route")
    six = Address(ip_interface("fd00::1/64"))
    state = replace(
        bridge(addresses=(six,)), settings=replace(STATE.settings, forwarding6=False), rules=Unread("not read")
    )
    told = Route(ip_network("::/0"), "eth0", "fe80::1", protocol="ra")

    def remedy(state: KernelState) -> Remedy:
        all_found, _ = found([target(running)], host(), state)
        return next(finding.remedy for finding in all_found if finding.code == "forwarding6")

    assert remedy(state).sentences == ("sysctl -w net/ipv6/conf/all/forwarding=1",)
    assert remedy(replace(state, routes=(told,))).by_hand
    assert "accept_ra=2" in remedy(replace(state, routes=(told,))).sentences[0]


def test_dnsmasq_is_woken_with_a_record_that_nobody_has() -> None:
    taken = network(dns={"hosts": [{"ip": "192.0.2.1", "hostnames": ["a"]}]})
    assert "192.0.2.2" in serving(taken).xml
    assert [str(step) for step in steps("net", Serve("<host/>"))] == [
        "net: add dns-host netreconcile.invalid",
        "net: delete dns-host netreconcile.invalid",
    ]
    assert len(steps("net", Renew())) == 1


def test_a_dnsmasq_whose_file_has_changed_is_started_anew() -> None:
    (finding,) = findings(replace(STATE, servers={"net": Server(7, alive=True, edited=7.5)}))
    assert (finding.code, finding.remedy.actions, finding.began) == ("dnsmasq.conf", (Reread(),), 7.5)
    assert [str(step) for step in steps("net", Reread())] == [
        "net: add dns-txt netreconcile.invalid",
        "net: delete dns-txt netreconcile.invalid",
    ]


def test_networks_that_run_are_looked_at_without_a_file() -> None:
    inactive = Host("", VERSION, {"off": there(network(), name="off")})
    assert as_they_run(inactive) == ()
    assert [(item.name, item.bridge) for item in as_they_run(host())] == [("net", "br1")]


def test_what_has_no_bridge_is_restarted_and_nobody_is_asked() -> None:
    wanted = topology(net=network())
    gone = bridgeless(host(GUEST), findings(replace(STATE, links=(UPLINK,))))
    found = plan(wanted, gone)
    assert [drift.cause for drift in found.networks[0].drifts] == [Cause.BRIDGE_GONE]
    assert [type(step.action) for step in found.steps] == [Stop, Start, Replug]
    assert found.impact is Impact.RESTART
    assert not found.needs_consent
    assert mending(found, disruption=False) == found
    assert plan(wanted, host(GUEST)).steps == ()


def test_a_restart_for_a_bridge_does_what_the_file_says_anew_along_with_it() -> None:
    gone = bridgeless(host(GUEST), findings(replace(STATE, links=(UPLINK,))))
    wanted = network(dns={"hosts": [{"ip": "10.0.0.9", "hostnames": ["new"]}]})
    found = plan(topology(net=wanted), gone)
    assert [type(step.action) for step in found.steps] == [Define, Stop, Start, Replug]


def test_a_cap_holds_a_restart_for_a_bridge_back() -> None:
    gone = bridgeless(host(GUEST), findings(replace(STATE, links=(UPLINK,))))
    (part,) = plan(topology(net=network()), gone, max_impact=Impact.LIVE).networks
    assert (part.verb, part.steps) == (Verb.HOLD, ())


DOWN = Finding("net", "bridge.up", "", "up", "down", Remedy((run("ip link set br1 up"),)))
FORWARDING = replace(DOWN, code="forwarding4")
GONE = replace(DOWN, code="bridge", remedy=Remedy((Restart(),), Impact.RESTART))
FOREIGN = replace(DOWN, code="firewall.others", remedy=by_hand("ask"))


def test_what_costs_no_link_is_mended_along_with_a_plan_and_nothing_else() -> None:
    clean = plan(topology(net=network()), host())
    assert mendable([DOWN, FOREIGN], clean, host(), Impact.LIVE) == (DOWN,)
    assert mendable([DOWN], clean, host(), Impact.NONE) == ()
    assert prospect([DOWN, FOREIGN], [DOWN], clean) == "below libvirt: 1 to mend, 1 by hand"
    assert prospect([DOWN], [], clean) == "below libvirt: 1 held back"


def test_a_network_that_is_restarted_is_mended_by_that() -> None:
    found = plan(topology(net=network()), bridgeless(host(), [GONE]))
    assert mendable([DOWN, GONE, FORWARDING], found, host(), Impact.RESTART) == (FORWARDING,)
    assert prospect([DOWN, GONE], [], found) == "below libvirt: 2 mended by a restart of the plan"
    assert prospect([GONE], [], replace(found, steps=())) == "below libvirt: 1 held back"


def test_a_network_of_another_topology_is_left_to_that() -> None:
    theirs = Host("", VERSION, {"net": there(network(), network(), owner="other")})
    assert mendable([DOWN], plan(topology(net=network()), theirs), theirs, Impact.RESTART) == ()


def test_a_file_accepts_one_finding_and_no_other() -> None:
    one, other = (
        replace(FOREIGN, code="subnet-collides", subject=f"10.0.0.0/25 on {link}") for link in ("tun0", "eth0")
    )
    wanted = Accepted(network="net", finding="subnet-collides", subject="10.0.0.0/25 on tun0", reason="the VPN")
    assert sifted([one, other, DOWN], [wanted]) == ((other, DOWN), ((one, "the VPN"),))
    assert sifted([one], [wanted.model_copy(update={"network": "other"})]) == ((one,), ())
    assert sifted([one], [wanted.model_copy(update={"subject": ""})]) == ((one,), ())


def test_a_repair_cuts_nobody_off_who_has_a_link() -> None:
    host_ = Host("", VERSION, {"net": there(network(), network(mtu=1400), guests=(GUEST,))})
    whole = plan(topology(net=network()), host_)
    assert whole.needs_consent
    (held,) = mending(whole, disruption=False).networks
    assert (held.verb, held.steps) == (Verb.HOLD, ())
    assert "would cut off web" in held.refusal
    assert mending(whole, disruption=True) == whole


@pytest.mark.parametrize(
    ("wanted", "cause"),
    [({"net": network(mtu=1400)}, Cause.FILE_CHANGED), ({"x": network(state="absent")}, Cause.NOT_IN_FILE)],
)
def test_a_repair_leaves_to_apply_what_the_file_says_anew(wanted: dict[str, Any], cause: Cause) -> None:
    whole = plan(topology(**wanted), host())
    (part,) = mending(whole, disruption=True).drifted
    assert {drift.cause for drift in part.drifts} == {cause}
    assert (part.refusal, part.steps) == (FILE_CHANGED, ())


def test_a_repair_adopts_nothing() -> None:
    host_ = Host("", VERSION, {"net": there(network(), network(), owner=None)})
    mended = mending(plan(topology(net=network()), host_), disruption=False)
    assert (mended.steps, mended.refused) == ((), ())


def test_the_overview_has_a_row_for_each_network_and_a_line_that_sums_up() -> None:
    there_ = host(GUEST, replace(GUEST, domain="db", plugged=False))
    result = plan(topology(net=network(), gone=network(state="absent")), there_)
    finding = Finding("net", "bridge.up", "", "up", "down", Remedy((run("ip link set br1 up"),)))
    seen = overview(there_, result, (finding,), "")
    head, row, *_, last = [line.text for line in overview_lines(seen)]
    assert head.split() == ["network", "mode", "state", "owner", "guests", "leases", "file", "below"]
    assert row.split() == ["net", "nat", "active", "lab", "1", "of", "2", "0", "1", "difference", "1", "finding"]
    assert last == "1 network, 1 not in order: net"
    assert overview_document(seen)["networks"][0]["drift"] == ["guest unplugged"]


def test_the_overview_says_what_it_does_not_know() -> None:
    seen = overview(host(), None, (), "not root")
    assert [line.text for line in overview_lines(seen)][
        -1
    ] == "1 network, all in order; what is below libvirt isn't seen"
    assert overview_document(seen)["networks"][0]["drift"] is None
