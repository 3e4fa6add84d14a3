"""Topology and host to a plan: causes, price, refusals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netreconcile import codec
from netreconcile.actions import Define, Impact, Replug, Update
from netreconcile.drift import Cause, Drift
from netreconcile.mark import Mark
from netreconcile.model import Network, Topology
from netreconcile.networkplan import NetworkPlan, Verb
from netreconcile.observed import Guest, Host, observed
from netreconcile.plan import Plan, plan, removal
from netreconcile.running import CHEAPER_TO_RESTART
from tests.unit.examples import GUEST, UUID, host, network, there, topology

STP_NOTE = "with bridge.stp on, a port that is plugged in forwards only after about 4 seconds"
HOSTS = [{"mac": "52:54:00:00:00:10", "ip": "10.0.0.10"}]


def only(found: Plan) -> NetworkPlan:
    (part,) = found.networks
    return part


def causes(found: Plan) -> list[str]:
    return [str(drift.cause) for drift in only(found).drifts]


def sentences(found: Plan) -> list[str]:
    return [str(step).removeprefix("net: ") for step in found.steps]


def without_net() -> Topology:
    """Return a topology that names another network, and has none."""
    return topology(other=network(uuid=None, state="absent"))


def with_hosts(*hosts: dict[str, Any]) -> Network:
    return network(ips=[{"address": "10.0.0.1/24", "dhcp": {"hosts": list(hosts)}}])


@pytest.mark.parametrize(
    ("config", "running", "desired", "more", "expected"),
    [
        (network(), network(), network(), {}, []),
        (network(), None, network(), {}, ["stopped"]),
        (network(), network(), network(state="inactive"), {}, ["running"]),
        (None, network(), network(), {"autostart": False}, ["transient"]),
        (network(), network(), network(), {"autostart": False}, ["autostart lost"]),
        (network(), network(), network(autostart=False), {}, ["autostart gained"]),
        (network(mtu=9000), network(), network(), {}, ["config edited"]),
        (network(), network(mtu=9000), network(), {}, ["pending restart"]),
        (network(), with_hosts(*HOSTS), network(), {}, ["live only"]),
        (network(mtu=9000), network(mtu=9000), network(), {}, ["foreign edit"]),
    ],
)
def test_every_kind_of_drift_has_its_name(
    config: Network | None, running: Network | None, desired: Network, more: dict[str, Any], expected: list[str]
) -> None:
    observed_ = there(config, running, **more)
    if observed_.mark:
        digest = there(desired).mark
        assert digest is not None
        observed_ = replace(observed_, mark=digest)
    assert causes(plan(topology(net=desired), host(observed_))) == expected


def test_the_digest_tells_a_change_of_the_file_from_a_change_of_the_host() -> None:
    found = plan(topology(net=network(mtu=1400)), host(there(network(), network())))
    assert causes(found) == ["file changed"]


def test_a_missing_network_is_defined_and_started_at_no_price() -> None:
    found = plan(topology(net=network()), host())
    assert causes(found) == ["missing"]
    assert sentences(found) == ["define", "autostart on", "start"]
    assert found.impact is Impact.NONE


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"state": "inactive"}, ["define", "autostart on"]),
        ({"autostart": False}, ["define", "start"]),
        ({"state": "absent"}, []),
    ],
)
def test_state_and_autostart_say_what_is_created(more: dict[str, Any], expected: list[str]) -> None:
    assert sentences(plan(topology(net=network(**more)), host())) == expected


def test_adoption_is_no_drift_and_changes_nothing_but_the_mark() -> None:
    found = plan(topology(net=network()), host(there(network(), network(), owner=None)))
    part = only(found)
    assert (part.verb, part.drifts, part.impact) == (Verb.ADOPT, (), Impact.NONE)
    assert not found.drifted
    assert part.notes == ("adopted: it gets this topology's mark, nothing else of it changes",)
    (step,) = found.steps
    assert isinstance(step.action, Define)
    adopted, mark = codec.parse(step.action.xml)
    assert adopted == network()
    assert mark
    assert mark.topology == "lab"


def test_a_foreign_network_is_refused_until_it_is_taken_over() -> None:
    before = host(there(network(), network(), owner="other"))
    refused = plan(topology(net=network()), before)
    assert only(refused).refusal == "it belongs to topology 'other'; --take-over makes it this one's"
    assert refused.steps == ()
    taken = plan(topology(net=network()), before, take_over=True)
    assert sentences(taken) == ["define"]
    assert only(taken).notes == ("taken over from topology 'other'",)


def test_networks_that_nobody_named_are_not_in_the_plan() -> None:
    foreign = (there(network(), network(), name="theirs", owner="other"), there(network(), name="nobodys", owner=None))
    assert plan(topology(), host(*foreign)).networks == ()


def test_what_is_ours_and_no_longer_in_the_file_is_removed() -> None:
    guests = (GUEST, Guest("db", "52:54:00:00:00:98", running=False))
    found = plan(without_net(), host(there(network(), network(), guests=guests)))
    part = next(part for part in found.networks if part.name == "net")
    assert sentences(found) == ["stop", "undefine"]
    assert (part.verb, part.impact, part.cut) == (Verb.REMOVE, Impact.REMOVE, part.guests)
    assert {guest.domain for guest in part.cut} == {"web", "db"}
    assert found.needs_consent


def test_an_absent_network_is_removed_whoever_made_it() -> None:
    assert sentences(plan(topology(net=network(state="absent")), host(there(network(), owner=None)))) == ["undefine"]
    assert sentences(plan(topology(net=network(state="absent")), host(there(None, network(), owner=None)))) == ["stop"]
    assert only(plan(topology(net=network(state="absent")), host(there(network(), owner="other")))).refusal


def test_a_live_change_keeps_links_and_says_what_blinks() -> None:
    found = plan(topology(net=with_hosts(*HOSTS)), host(there(network(), network(), guests=(GUEST,))))
    assert sentences(found) == ["define", "add ip-dhcp-host 52:54:00:00:00:10"]
    assert found.steps[1].blinks == "firewall rules re-created, dnsmasq reloaded"
    assert (found.impact, found.needs_consent) == (Impact.LIVE, False)


@pytest.mark.parametrize(
    ("mode", "blinks"),
    [
        ("nat", "firewall rules re-created, dnsmasq reloaded"),
        ("isolated", "firewall rules re-created, dnsmasq reloaded"),
        ("open", "dnsmasq reloaded"),
    ],
)
def test_libvirt_has_no_firewall_rules_for_open_networks(mode: str, blinks: str) -> None:
    before, after = (item.model_copy(update={"mode": mode}) for item in (network(), with_hosts(*HOSTS)))
    assert plan(topology(net=after), host(there(before, before))).steps[1].blinks == blinks


def test_a_restart_names_its_reason_and_the_guests_it_cuts() -> None:
    found = plan(topology(net=network(mtu=9000)), host(there(network(), network(), guests=(GUEST,))))
    part = only(found)
    assert sentences(found) == ["define", "stop", "start", "plug web vnet7 back in"]
    assert part.notes == ("restart: libvirt can't change mtu of a running network", STP_NOTE)
    assert (part.impact, part.cut) == (Impact.RESTART, (GUEST,))
    assert found.needs_consent


def test_a_port_forwards_at_once_where_stp_is_off() -> None:
    quiet = network(bridge={"name": "br1", "stp": False, "delay": 0})
    found = plan(topology(net=quiet.model_copy(update={"mtu": 9000})), host(there(quiet, quiet, guests=(GUEST,))))
    assert only(found).notes == ("restart: libvirt can't change mtu of a running network",)


def test_who_is_known_by_port_only_is_cut_off_and_the_plan_says_so() -> None:
    port = replace(GUEST, domain="far", reachable=False)
    found = plan(topology(net=network(mtu=9000)), host(there(network(), network(), guests=(port, GUEST))))
    part = only(found)
    assert sentences(found) == ["define", "stop", "start", "plug web vnet7 back in"]
    assert part.cut == (port, GUEST)
    assert part.notes[-1].startswith("far can't be plugged back in over this connection")


@pytest.mark.parametrize("by_bridge", [False, True], ids=["by name", "by bridge"])
def test_a_guest_without_a_link_is_drift_and_plugged_in_without_a_restart(by_bridge: bool) -> None:  # noqa: FBT001
    loose = replace(GUEST, domain="db", mac="52:54:00:00:00:98", by_bridge=by_bridge, plugged=False)
    found = plan(topology(net=network()), host(there(network(), network(), guests=(loose, GUEST))))
    part = only(found)
    assert part.drifts == (Drift(Cause.UNPLUGGED, guest=loose),)
    assert [step.action for step in found.steps] == [Replug("db", loose.mac, "vnet7", by_bridge)]
    assert (part.verb, part.impact, part.cut, found.needs_consent) == (Verb.UPDATE, Impact.LIVE, (), False)


def test_live_changes_and_a_guest_without_a_link_go_together() -> None:
    loose = replace(GUEST, plugged=False)
    found = plan(topology(net=with_hosts(*HOSTS)), host(there(network(), network(), guests=(loose,))))
    assert sentences(found) == ["define", "add ip-dhcp-host 52:54:00:00:00:10", "plug web vnet7 back in"]
    assert not found.needs_consent


def test_a_guest_without_a_link_loses_nothing_by_a_restart_and_gets_its_link() -> None:
    loose, later = replace(GUEST, plugged=False), Guest("later", "52:54:00:00:00:98", running=False)
    found = plan(topology(net=network(mtu=9000)), host(there(network(), network(), guests=(loose, later))))
    assert sentences(found) == ["define", "stop", "start", "plug web vnet7 back in"]
    assert not found.needs_consent


def test_a_start_plugs_in_who_waits_for_it() -> None:
    loose, later = replace(GUEST, plugged=False), Guest("later", "52:54:00:00:00:98", running=False)
    found = plan(topology(net=network()), host(there(network(), guests=(loose, later))))
    assert sentences(found) == ["start", "plug web vnet7 back in"]
    assert causes(found) == ["stopped"]
    assert (found.impact, found.needs_consent) == (Impact.NONE, False)


def test_who_is_known_by_port_only_is_no_drift() -> None:
    gone = replace(GUEST, plugged=False, reachable=False)
    assert plan(topology(net=network()), host(there(network(), network(), guests=(gone,)))).drifted == ()


def test_a_restart_without_guests_needs_no_consent() -> None:
    assert not plan(topology(net=network(mtu=9000)), host(there(network(), network()))).needs_consent


@pytest.mark.parametrize(
    ("count", "guests", "is_restart"),
    [(CHEAPER_TO_RESTART + 1, (), True), (CHEAPER_TO_RESTART + 1, (GUEST,), False), (CHEAPER_TO_RESTART, (), False)],
)
def test_where_nobody_is_connected_a_restart_replaces_many_updates(
    count: int,
    guests: tuple[Guest, ...],
    is_restart: bool,  # noqa: FBT001 -- a table
) -> None:
    many = [{"mac": f"52:54:00:00:01:{i:02x}", "ip": f"10.0.0.{i + 20}"} for i in range(count)]
    found = plan(topology(net=with_hosts(*many)), host(there(network(), network(), guests=guests)))
    assert ("stop" in sentences(found)) == is_restart
    assert sum(isinstance(step.action, Update) for step in found.steps) == (0 if is_restart else count)


def test_a_pool_in_use_is_never_changed_because_libvirt_would_forget_who_has_what() -> None:
    pool = Network.model_validate({"mode": "passthrough", "uuid": UUID, "forward": {"interfaces": ["eth1", "eth2"]}})
    wanted = pool.model_copy(
        update={"forward": pool.forward.model_copy(update={"interfaces": ("eth1", "eth2", "eth3")})}
    )
    refused = plan(topology(net=wanted), host(there(pool, pool, guests=(GUEST,))))
    assert "devices of its pool are in use (web)" in only(refused).refusal
    assert refused.steps == ()
    free = plan(topology(net=wanted), host(there(pool, pool)))
    assert sentences(free) == ["define", "add forward-interface eth3"]


def test_a_network_stops_when_the_file_says_inactive() -> None:
    found = plan(topology(net=network(state="inactive")), host(there(network(), network(), guests=(GUEST,))))
    assert sentences(found) == ["stop"]
    assert found.impact is Impact.REMOVE


@pytest.mark.parametrize(
    ("desired", "reason"),
    [
        (network(protect=True, mtu=9000), "refuses a restart with guests connected (web)"),
        (network(protect=True, state="inactive"), "refuses to stop it"),
    ],
)
def test_protection_refuses_to_cut_anybody_off(desired: Network, reason: str) -> None:
    found = plan(topology(net=desired), host(there(network(), network(), guests=(GUEST,))))
    assert reason in only(found).refusal
    assert found.steps == ()


@pytest.mark.parametrize("owner", ["lab", None])
def test_protection_and_absence_contradict_each_other_and_protection_wins(owner: str | None) -> None:
    found = plan(topology(net=network(protect=True, state="absent")), host(there(network(), network(), owner=owner)))
    assert only(found).refusal == "it is protected: apply `protect: false` first"


def test_protection_lets_harmless_changes_through() -> None:
    desired = with_hosts(*HOSTS).model_copy(update={"protect": True})
    assert not plan(topology(net=desired), host(there(network(), network(), guests=(GUEST,)))).refused
    assert not plan(topology(net=network(protect=True, mtu=9000)), host(there(network(), network()))).refused


def test_protection_outlives_the_entry_in_the_file() -> None:
    protected = network(protect=True)
    before = host(there(protected, protected))
    for found in (
        plan(without_net(), before),
        removal(topology(), before),
        plan(topology(net=network(state="absent")), before),
    ):
        assert [part.refusal for part in found.refused] == ["it is protected: apply `protect: false` first"]


@pytest.mark.parametrize(
    ("more", "version", "what"),
    [
        (
            {"domain": {"name": "a", "local_only": True, "register": True}},
            (9, 0, 0),
            "needs libvirt 10.1.0, the host has 9.0.0",
        ),
        ({"title": "a"}, (9, 6, 9), "needs libvirt 9.7.0, the host has 9.6.9"),
    ],
)
def test_what_the_hosts_libvirt_does_not_know_is_refused_instead_of_dropped(
    more: dict[str, Any], version: tuple[int, int, int], what: str
) -> None:
    desired = network(**more)
    for before in (host(version=version), host(there(network()), version=version)):
        assert what in only(plan(topology(net=desired), before)).refusal
    assert not plan(topology(net=desired), host()).refused


def test_unreadable_xml_spoils_only_its_own_plan() -> None:
    broken = observed("bad", UUID, config_xml="<network><name>a&b</name></network>", running_xml=None, autostart=True)
    found = plan(topology(bad=network(), good=network(uuid=None)), host(broken))
    by_name = {part.name: part for part in found.networks}
    assert by_name["bad"].refusal.startswith("libvirt's own description of it can't be read")
    assert by_name["good"].verb is Verb.CREATE


def test_runtime_only_attributes_are_no_difference() -> None:
    config = network(forward={"dev": "eth0"})
    running = (
        codec.new("net", config, None)
        .replace("<network>", '<network connections="3">')
        .replace(
            '<interface dev="eth0"/>',
            '<nat><port start="1024" end="65535"/></nat><interface dev="eth0" connections="3"/>',
        )
    )
    known = there(config, owner="lab")
    active = observed("net", UUID, config_xml=known.config_xml, running_xml=running, autostart=True)
    assert plan(topology(net=config), host(active)).steps == ()


def test_a_stopped_guest_is_known_to_a_restart_and_not_cut_off_by_it() -> None:
    stopped = Guest("db", "52:54:00:00:00:98", running=False)
    found = plan(topology(net=network(mtu=9000)), host(there(network(), network(), guests=(stopped,))))
    assert found.impact is Impact.RESTART
    assert (only(found).guests, only(found).cut, found.needs_consent) == ((stopped,), (), False)


def test_a_changed_uuid_takes_the_network_down_completely() -> None:
    other = "99999999-2222-4333-8444-555555555555"
    found = plan(topology(net=network(uuid=other)), host(there(network(), network(), guests=(GUEST,))))
    assert sentences(found) == ["stop", "undefine", "define", "autostart on", "start", "plug web vnet7 back in"]
    assert found.needs_consent
    assert "a UUID can't be changed: the network is undefined and defined anew" in only(found).notes


def test_a_changed_uuid_is_refused_on_a_protected_network_with_guests() -> None:
    other = "99999999-2222-4333-8444-555555555555"
    found = plan(topology(net=network(uuid=other, protect=True)), host(there(network(), network(), guests=(GUEST,))))
    assert (only(found).verb, found.steps) == (Verb.REFUSE, ())
    assert "protected" in only(found).refusal


def test_a_transient_network_becomes_persistent_while_it_runs() -> None:
    found = plan(topology(net=network()), host(there(None, network())))
    assert sentences(found) == ["define", "autostart on"]
    assert found.impact is Impact.NONE


def test_removal_takes_only_what_carries_the_mark() -> None:
    ours, theirs = there(network(), network(), name="ours"), there(network(), name="theirs", owner="other")
    found = removal(topology(), host(ours, theirs))
    assert [str(step) for step in found.steps] == ["ours: stop", "ours: undefine"]


def test_an_old_digest_alone_is_no_reason_to_write() -> None:
    known = there(network(), network())
    assert known.mark is not None
    xml = (known.config_xml or "").replace(known.mark.desired, "f" * 16)
    old = observed("net", UUID, config_xml=xml, running_xml=known.running_xml, autostart=True)
    assert old.mark == Mark("lab", "f" * 16)
    assert plan(topology(net=network()), host(old)).steps == ()


def test_10_000_reservations_are_planned_without_deepdiff_seeing_the_equal_ones() -> None:
    hosts = [
        {"mac": f"52:54:00:00:{i >> 8:02x}:{i & 255:02x}", "ip": f"10.{i >> 8}.{i & 255}.9"} for i in range(10_000)
    ]
    before = network(ips=[{"address": "10.0.0.1/8", "dhcp": {"hosts": hosts}}])
    after = network(ips=[{"address": "10.0.0.1/8", "dhcp": {"hosts": [*hosts[1:], {**hosts[0], "name": "first"}]}}])
    found = plan(topology(net=after), Host("test", (12, 0, 0), {"net": there(before, before)}))
    assert sentences(found) == ["define", "modify ip-dhcp-host 52:54:00:00:00:00"]
    assert [drift.cause for drift in only(found).drifts] == [Cause.FILE_CHANGED]


def test_networks_that_go_are_in_the_same_order_however_libvirt_lists_them() -> None:
    old = [there(network(uuid=f"{UUID[:-1]}{each}"), name=f"old{each}") for each in range(3)]
    for found in (plan, removal):
        one, other = found(topology(net=network()), host(*old)), found(topology(net=network()), host(*reversed(old)))
        assert one == other
