"""Every promise of every kind of network, kept and broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.model import ModeName
from netreconcile.verify.experience import (
    Advert,
    Answer,
    Crossing,
    Experience,
    Nothing,
    Offer,
    Offer6,
    Prefix,
    Question,
)
from netreconcile.verify.experience import Reply as Pong
from netreconcile.verify.promises import judge
from netreconcile.verify.target import Level, Target
from netreconcile.verify.verdict import Outcome, Verdict
from tests.unit.examples import network
from tests.unit.lives import (
    DEAF,
    DUID,
    FAR4,
    FAR6,
    GUEST4,
    GUEST6,
    HEARD,
    IP4,
    IP6,
    LAN,
    MAC,
    ROUTER,
    SILENCE,
    SLAAC,
    kind,
    lived,
    target,
)

MODES: tuple[str, ...] = get_args(ModeName)
NAT66 = {"ips": [IP4, IP6], "forward": {"nat": {"ipv6": True}}}
NOTHING = Nothing("no answer within 1 s")
OTHER = Offer("10.0.0.66", "10.0.0.67", 24, ("10.0.0.66",))
KINDS = {
    **{mode: kind(mode) for mode in MODES},
    "nat66 with DHCPv6": kind("nat", **NAT66),
    "isolated with DHCPv6": kind("isolated", ips=[IP4, IP6]),
    "guests kept apart": kind("isolated", port={"isolated": True}),
}
OWN = [name for name, there in KINDS.items() if not there.lan]


def verdicts(there: Target, seen: Experience, level: Level = Level.FULL) -> dict[tuple[str, str], Verdict]:
    found, _ = judge(there, seen, level=level)
    assert len(found) == len({(verdict.code, verdict.subject) for verdict in found}), "each promise is told once"
    return {(verdict.code, verdict.subject): verdict for verdict in found}


def outcomes(there: Target, seen: Experience, level: Level = Level.FULL) -> dict[str, Outcome]:
    return {f"{code} {subject}".strip(): item.outcome for (code, subject), item in verdicts(there, seen, level).items()}


def of(outcome: Outcome, there: Target, seen: Experience, level: Level = Level.FULL) -> set[str]:
    return {name for name, found in outcomes(there, seen, level).items() if found is outcome}


def but(seen: Experience, **facts: Any) -> Experience:
    """Return what was seen, with some facts otherwise."""
    return replace(seen, **facts)


def broken(there: Target, **facts: Any) -> set[str]:
    return of(Outcome.BROKEN, there, but(lived(there), **facts))


def remarks(there: Target, seen: Experience) -> set[str]:
    return {remark.code for remark in judge(there, seen, level=Level.FULL)[1]}


DHCP4 = {"dhcp4", "dhcp4.foreign-server", "dhcp4.range", "dhcp4.router", "dhcp4.dns", "dhcp4.domain", "dhcp4.mtu"}
RA = {"ra", "ra.foreign-router", "ra.default-router", "ra.dns", "ra.prefix fd00::/64"}
DHCP6 = {"dhcp6", "dhcp6.range", "dhcp6.dns", f"dhcp6.reserved {DUID}"}
SERVED = {
    *("runs", "forwarding", *DHCP4, f"dhcp4.reserved {MAC}", *RA),
    *("dns 10.0.0.1", "dns fd00::1", "dns.record web.lab A", "dns.record 5.0.0.10.in-addr.arpa PTR"),
    *("host4 10.0.0.1", "host6 fd00::1", "guests4", "guests6", "out4", "out6"),
}


@pytest.mark.parametrize(
    ("name", "promised"),
    [
        ("nat", SERVED | {"into4"}),
        ("nat66 with DHCPv6", SERVED | DHCP6 | {"into4", "into6"}),
        ("route", SERVED | {"into4", "into6"}),
        ("open", SERVED),
        ("isolated", SERVED | {"into4", "into6"}),
        ("isolated with DHCPv6", SERVED | DHCP6 | {"into4", "into6"}),
        ("guests kept apart", SERVED | {"into4", "into6"}),
        ("very-isolated", {"runs", "forwarding", "dhcp4", "ra", "guests4", "out4", "out6"}),
        ("bridge", {"runs", "dhcp4", "guests4", "guests6"}),
        ("private", {"runs", "dhcp4", "guests4", "guests6"}),
        ("vepa", {"runs", "dhcp4", "guests4", "guests6"}),
    ],
)
def test_a_network_that_does_what_its_kind_promises_keeps_exactly_these_promises(name: str, promised: set[str]) -> None:
    there = KINDS[name]
    assert outcomes(there, lived(there)) == dict.fromkeys(promised, Outcome.KEPT)


@pytest.mark.parametrize("mode", ["passthrough", "hostdev"])
def test_a_network_that_hands_devices_to_guests_is_not_tried(mode: str) -> None:
    assert outcomes(KINDS[mode], Experience()) == {"runs": Outcome.KEPT, "dhcp4": Outcome.UNSEEN}


@pytest.mark.parametrize("name", KINDS)
def test_a_network_that_is_not_active_breaks_one_promise_and_nothing_else_is_told(name: str) -> None:
    there = replace(KINDS[name], running=None)
    (verdict,) = verdicts(there, Experience()).values()
    assert (verdict.code, verdict.outcome) == ("runs", Outcome.BROKEN)
    assert "netreconcile apply" in verdict.hint


def test_a_network_that_cannot_be_read_is_not_called_inactive() -> None:
    (verdict,) = verdicts(replace(KINDS["nat"], running=None, trouble="unreadable XML"), Experience()).values()
    assert (verdict.code, verdict.outcome, verdict.hint) == ("runs", Outcome.UNSEEN, "unreadable XML")


def test_a_network_that_runs_something_else_than_the_file_is_remarked() -> None:
    there = KINDS["nat"]
    assert "runs-otherwise" not in remarks(there, lived(there))
    assert "runs-otherwise" in remarks(replace(there, running=network(mtu=1500)), lived(there))


@pytest.mark.parametrize("name", KINDS)
def test_what_was_not_asked_is_not_told_at_the_quick_level(name: str) -> None:
    assert outcomes(KINDS[name], Experience(), Level.QUICK) == {"runs": Outcome.KEPT}


@pytest.mark.parametrize("name", [name for name in KINDS if name not in ("passthrough", "hostdev")])
def test_what_was_not_asked_is_unseen_with_a_reason_at_the_full_level(name: str) -> None:
    there = KINDS[name]
    told = verdicts(there, Experience())
    assert {verdict.outcome for (code, _), verdict in told.items() if code != "runs"} == {Outcome.UNSEEN}
    assert all(verdict.hint for (code, _), verdict in told.items() if code != "runs")
    assert {code for code, _ in told} == {code for code, _ in verdicts(there, lived(there))}


@pytest.mark.parametrize(
    ("there", "unseen"),
    [
        (KINDS["passthrough"], {"dhcp4"}),
        (KINDS["hostdev"], {"dhcp4"}),
        (
            kind("bridge", virtualport={"type": "openvswitch"}),
            {"forwarding", "dhcp4", "guests4", "guests6"},
        ),
    ],
)
def test_what_no_probe_can_be_plugged_into_is_not_called_broken(there: Target, unseen: set[str]) -> None:
    seen = Experience(forwarding=Nothing("whole devices"))
    assert not of(Outcome.BROKEN, there, seen)
    assert of(Outcome.UNSEEN, there, seen) == unseen


def test_guests_on_the_lan_are_plugged_in_on_demand_only_and_the_reason_says_so() -> None:
    told = verdicts(KINDS["bridge"], Experience())
    assert all("--lan" in told[code, ""].hint for code in ("dhcp4", "guests4", "guests6"))
    told = verdicts(KINDS["bridge"], Experience(forwarding=Nothing("br0 is down")))
    assert told["forwarding", ""].outcome is Outcome.BROKEN
    assert all(told[code, ""].hint == "not tried" for code in ("dhcp4", "guests4", "guests6"))


def test_what_dhcp_tells_the_host_is_enough_for_the_quick_level() -> None:
    there = KINDS["nat"]
    inform = Offer("10.0.0.1", routers=("10.0.0.1",), dns=("10.0.0.1",), domain="lab.example", mtu=1400)
    assert outcomes(there, Experience(informs=(inform,)), Level.QUICK) == dict.fromkeys(
        {"runs", *DHCP4} - {"dhcp4.range"}, Outcome.KEPT
    )


def offered(**told: Any) -> dict[str, Any]:
    """Return what a guest sees if the offer tells something else."""
    offer = lived(KINDS["nat"]).lease
    assert isinstance(offer, Offer)
    return {"offers": (replace(offer, **told),), "lease": replace(offer, **told)}


@pytest.mark.parametrize("name", ["nat", "route", "open", "nat66 with DHCPv6"])
@pytest.mark.parametrize(
    ("facts", "promise"),
    [
        ({"forwarding": Nothing("not within 10 s")}, "forwarding"),
        (offered(address="10.0.0.99"), "dhcp4.range"),
        (offered(address="10.0.0.200"), "dhcp4.range"),
        (offered(prefix=16), "dhcp4.range"),
        (offered(routers=()), "dhcp4.router"),
        (offered(routers=("10.0.0.2",)), "dhcp4.router"),
        (offered(routers=("10.0.0.1", "10.0.0.2")), "dhcp4.router"),
        (offered(dns=("192.0.2.53",)), "dhcp4.dns"),
        (offered(dns=()), "dhcp4.dns"),
        (offered(domain=""), "dhcp4.domain"),
        (offered(domain="other.example"), "dhcp4.domain"),
        (offered(mtu=None), "dhcp4.mtu"),
        (offered(mtu=1500), "dhcp4.mtu"),
        ({"lease": Nothing("refused")}, "dhcp4"),
        ({"informs": (OTHER,)}, "dhcp4.foreign-server"),
        ({"reserved": {MAC: NOTHING}}, f"dhcp4.reserved {MAC}"),
        ({"reserved": {MAC: Offer("10.0.0.1", "10.0.0.150", 24)}}, f"dhcp4.reserved {MAC}"),
        ({"host": {"10.0.0.1": NOTHING, "fd00::1": Pong()}}, "host4 10.0.0.1"),
        ({"host": {"10.0.0.1": Pong(), "fd00::1": NOTHING}}, "host6 fd00::1"),
        ({"resolvers": {"10.0.0.1": NOTHING, "fd00::1": Pong()}}, "dns 10.0.0.1"),
        ({"neighbour4": SILENCE}, "guests4"),
        ({"neighbour6": SILENCE}, "guests6"),
        ({"out4": SILENCE}, "out4"),
        ({"out6": SILENCE}, "out6"),
        ({"out4": HEARD}, "out4"),
        ({"out6": HEARD}, "out6"),
        ({"out4": Crossing(control=True, sources=(GUEST4, FAR4))}, "out4"),
    ],
)
def test_a_broken_promise_of_a_network_with_a_way_out_is_told_and_no_other(
    name: str, facts: dict[str, Any], promise: str
) -> None:
    there = KINDS[name]
    assert broken(there, **facts) == {promise}
    (verdict,) = (item for item in verdicts(there, but(lived(there), **facts)).values() if item.hint)
    assert verdict.outcome is Outcome.BROKEN
    assert verdict.expected
    assert verdict.seen


@pytest.mark.parametrize(
    ("name", "facts", "promises"),
    [
        # rules flushed, forwarding off, or rules that are too many
        ("nat", {"out4": Crossing(control=True, sources=(GUEST4,))}, {"out4"}),
        ("nat66 with DHCPv6", {"out6": Crossing(control=True, sources=(GUEST6,))}, {"out6"}),
        ("nat", {"out6": Crossing(control=True, sources=(FAR6,))}, {"out6"}),
        ("route", {"out4": Crossing(control=True, sources=(FAR4,))}, {"out4"}),
        ("open", {"out4": Crossing(control=True, sources=(FAR4,))}, {"out4"}),
        ("nat", {"into4": HEARD}, {"into4"}),
        ("nat66 with DHCPv6", {"into6": HEARD}, {"into6"}),
        ("route", {"into4": SILENCE}, {"into4"}),
        ("route", {"into6": SILENCE}, {"into6"}),
        ("isolated", {"out4": Crossing(control=True, sources=(GUEST4,))}, {"out4"}),
        ("isolated", {"out6": Crossing(control=True, sources=(GUEST6,))}, {"out6"}),
        ("isolated", {"into4": HEARD}, {"into4"}),
        ("isolated", {"into6": HEARD}, {"into6"}),
        ("isolated", offered(), {"dhcp4.router"}),
        ("very-isolated", {"out4": HEARD}, {"out4"}),
        ("very-isolated", {"out6": HEARD}, {"out6"}),
        ("very-isolated", {"into4": HEARD}, {"into4"}),
        ("very-isolated", {"neighbour4": SILENCE}, {"guests4"}),
        ("guests kept apart", {"neighbour4": HEARD}, {"guests4"}),
        ("guests kept apart", {"neighbour6": HEARD}, {"guests6"}),
        ("private", {"neighbour4": HEARD}, {"guests4"}),
        ("bridge", {"neighbour4": SILENCE}, {"guests4"}),
        ("bridge", {"neighbour6": SILENCE}, {"guests6"}),
        ("vepa", {"neighbour4": SILENCE}, set()),
        # dnsmasq is dead
        (
            "nat",
            {"offers": (), "lease": NOTHING, "reserved": {MAC: NOTHING}, "adverts": ()},
            {"dhcp4", "ra"},
        ),
        ("nat66 with DHCPv6", {"lease6": NOTHING, "reserved6": {DUID: NOTHING}}, {"dhcp6"}),
        ("nat66 with DHCPv6", {"reserved6": {DUID: NOTHING}}, {f"dhcp6.reserved {DUID}"}),
        (
            "nat",
            {
                "resolvers": {"10.0.0.1": NOTHING, "fd00::1": NOTHING},
                "records": {Question("web.lab", "A"): NOTHING},
            },
            {"dns 10.0.0.1", "dns fd00::1"},
        ),
        # somebody else's servers
        ("nat", {"offers": (OTHER,), "lease": OTHER, "reserved": {}}, {"dhcp4", "dhcp4.foreign-server"}),
        # all addresses lent
        ("nat", {"offers": (), "lease": None}, {"dhcp4"}),
        ("nat66 with DHCPv6", {"lease6": Offer6(ROUTER)}, {"dhcp6"}),
        ("nat66 with DHCPv6", {"lease6": Offer6(ROUTER, "fd00::200", ("fd00::1",))}, {"dhcp6.range"}),
        ("nat66 with DHCPv6", {"lease6": Offer6(ROUTER, GUEST6)}, {"dhcp6.dns"}),
        ("nat66 with DHCPv6", {"reserved6": {DUID: Offer6(ROUTER, GUEST6)}}, {f"dhcp6.reserved {DUID}"}),
    ],
)
def test_damage_is_told_as_the_promises_that_it_breaks(name: str, facts: dict[str, Any], promises: set[str]) -> None:
    assert broken(KINDS[name], **facts) == promises


def advert(**told: Any) -> dict[str, Any]:
    usual = lived(KINDS["nat"]).adverts
    assert usual
    return {"adverts": (replace(usual[0], **told),)}


STRANGER = Advert("fe80::bad", 1800, managed=False, other=False)


@pytest.mark.parametrize(
    ("name", "facts", "promises"),
    [
        ("nat", {"adverts": ()}, {"ra"}),
        ("nat", {"adverts": (STRANGER,)}, {"ra", "ra.foreign-router"}),
        ("nat", {"adverts": (*advert()["adverts"], STRANGER)}, {"ra.foreign-router"}),
        ("nat", advert(lifetime=0), {"ra.default-router"}),
        ("isolated", advert(), {"ra.default-router"}),
        ("nat", advert(dns=()), {"ra.dns"}),
        ("nat", advert(dns=("fe80::bad",)), {"ra.dns"}),
        ("nat", advert(prefixes=()), {"ra.prefix fd00::/64"}),
        ("nat", advert(prefixes=(Prefix("fd01::/64", on_link=True, autonomous=True),)), {"ra.prefix fd00::/64"}),
        ("nat", advert(prefixes=(Prefix("fd00::/64", on_link=False, autonomous=True),)), {"ra.prefix fd00::/64"}),
        ("nat", advert(managed=True), {"ra.prefix fd00::/64"}),
        ("nat66 with DHCPv6", advert(), {"ra.prefix fd00::/64"}),
        ("very-isolated", advert(), {"ra"}),
        ("very-isolated", {"adverts": (STRANGER,)}, set()),
    ],
)
def test_router_advertisements_are_judged_by_sender_and_contents(
    name: str, facts: dict[str, Any], promises: set[str]
) -> None:
    assert broken(KINDS[name], **facts) == promises


@pytest.mark.parametrize(
    ("answer", "kept", "said"),
    [
        (Answer("NOERROR", ("10.0.0.5",)), True, "10.0.0.5"),
        (Answer("NOERROR", ("10.0.0.5", "10.0.0.6")), False, "10.0.0.5, 10.0.0.6"),
        (Answer("NOERROR"), False, "no such record"),
        (Answer("NXDOMAIN"), False, "NXDOMAIN"),
        (NOTHING, False, NOTHING.why),
    ],
)
def test_a_name_is_known_if_it_has_all_the_values_of_the_file_and_no_other(
    answer: Answer | Nothing, said: str, *, kept: bool
) -> None:
    there = KINDS["nat"]
    seen = replace(lived(there), records={Question("web.lab", "A"): answer})
    verdict = verdicts(there, seen)["dns.record", "web.lab A"]
    assert (verdict.outcome is Outcome.KEPT, verdict.expected, verdict.seen) == (kept, "10.0.0.5", said)
    rest = verdicts(there, seen)["dns.record", ""]
    assert (rest.outcome, rest.expected) == (Outcome.UNSEEN, "answers to 1 other questions")


def test_case_does_not_count_in_names_and_does_in_texts() -> None:
    there = kind("nat", dns={"txt": [{"name": "t.lab", "value": "A"}], "hosts": kind("nat").network.dns.hosts})
    answers = {
        Question("t.lab", "TXT"): Answer("NOERROR", ("a",)),
        Question("5.0.0.10.in-addr.arpa", "PTR"): Answer("NOERROR", ("WEB.Lab.",)),
        Question("web.lab", "A"): Answer("NOERROR", ("10.0.0.5",)),
    }
    assert broken(there, records=answers) == {"dns.record t.lab TXT"}


@pytest.mark.parametrize("fact", ["out4", "out6", "into4", "neighbour4", "neighbour6"])
@pytest.mark.parametrize("name", ["nat", "route", "isolated", "very-isolated", "guests kept apart"])
def test_silence_proves_nothing_where_the_control_was_not_heard(name: str, fact: str) -> None:
    there = KINDS[name]
    code = fact.replace("neighbour", "guests")
    told = outcomes(there, but(lived(there), **{fact: DEAF}))
    assert told.get(code, Outcome.UNSEEN) is Outcome.UNSEEN
    assert Outcome.BROKEN not in told.values()


@pytest.mark.parametrize("mode", ["nat", "route"])
def test_a_way_out_through_one_device_cannot_be_tried(mode: str) -> None:
    there = kind(mode, forward={"dev": "eth3"})
    told = verdicts(there, replace(lived(there), out4=SILENCE))
    assert told["out4", ""].outcome is Outcome.UNSEEN
    assert "eth3" in told["out4", ""].hint
    assert ("out4", "") not in verdicts(there, Experience(), Level.QUICK)


@pytest.mark.parametrize(
    ("source", "kept"),
    [("203.0.113.10", True), ("203.0.113.12", True), ("203.0.113.13", False), (FAR4, False), ("what?", False)],
)
def test_nat_with_addresses_of_its_own_uses_those(source: str, *, kept: bool) -> None:
    there = kind("nat", forward={"nat": {"addresses": "203.0.113.10-203.0.113.12"}})
    assert broken(there, out4=Crossing(control=True, sources=(source,))) == (set() if kept else {"out4"})


@pytest.mark.parametrize(
    ("mode", "source", "kept"),
    [
        ("nat", "192.0.2.1", True),
        ("nat", GUEST4, False),
        ("nat", "no address", True),
        ("route", GUEST4, True),
        ("route", "192.0.2.1", False),
        ("route", "no address", False),
    ],
)
def test_where_the_addresses_at_both_ends_are_not_known_the_subnet_tells_them_apart(
    mode: str, source: str, *, kept: bool
) -> None:
    facts = {"out4": Crossing(control=True, sources=(source,)), "far_address4": "", "guest4": ""}
    assert broken(kind(mode), **facts) == (set() if kept else {"out4"})


@pytest.mark.parametrize(
    ("name", "facts", "remark"),
    [
        ("nat", {"into6": HEARD}, "nat6-routed-open"),
        ("isolated", {"hears": HEARD}, "isolated-reaches-host"),
        ("very-isolated", {"hears": HEARD}, "host-hears-very-isolated"),
        ("very-isolated", {"adverts": (STRANGER,)}, "ra-from-a-guest"),
    ],
)
def test_what_an_operator_should_know_is_remarked_and_breaks_nothing(
    name: str, facts: dict[str, Any], remark: str
) -> None:
    there = KINDS[name]
    assert remark in remarks(there, but(lived(there), **facts))
    assert not broken(there, **facts)
    for fact in facts:
        unheard: Any = () if fact == "adverts" else SILENCE
        assert remark not in remarks(there, but(lived(there), **{fact: unheard}))
        if fact != "adverts":
            assert remark not in remarks(there, but(lived(there), **{fact: DEAF}))


@pytest.mark.parametrize("name", ["nat66 with DHCPv6", "route", "open"])
def test_hearing_guests_is_no_remark_where_it_is_promised(name: str) -> None:
    there = KINDS[name]
    assert not remarks(there, replace(lived(there), hears=HEARD))


PLAIN4 = {"address": "10.0.0.1/24"}


@pytest.mark.parametrize("mode", ["nat", "route", "open", "isolated"])
@pytest.mark.parametrize(
    ("offers", "outcome", "remarked"),
    [
        ((), Outcome.KEPT, False),
        ((OTHER,), Outcome.KEPT, True),
        ((Offer("10.0.0.1", GUEST4, 24),), Outcome.BROKEN, False),
    ],
)
def test_without_dhcp_in_the_file_the_host_must_not_serve_it_and_a_guest_may(
    mode: str, offers: tuple[Offer, ...], outcome: Outcome, *, remarked: bool
) -> None:
    there = kind(mode, ips=[PLAIN4], dns={})
    seen = replace(lived(there), offers=offers, lease=None, reserved={}, adverts=None)
    assert outcomes(there, seen)["dhcp4"] is outcome
    assert ("dhcp4-from-a-guest" in remarks(there, seen)) is remarked
    assert {code for code in outcomes(there, seen) if code.startswith("dhcp")} == {"dhcp4"}


def test_whose_dhcp_it_is_cannot_be_told_where_the_file_gives_the_host_no_address() -> None:
    there = KINDS["very-isolated"]
    assert of(Outcome.UNSEEN, there, replace(lived(there), offers=(OTHER,))) == {"dhcp4"}


def test_without_ranges_only_reserved_clients_get_an_address() -> None:
    only_reserved = {**PLAIN4, "dhcp": {"hosts": [{"mac": MAC, "ip": "10.0.0.10"}]}}
    there = kind("nat", ips=[only_reserved, SLAAC])
    seen = replace(lived(there), offers=(), lease=NOTHING)
    assert not of(Outcome.BROKEN, there, seen)
    assert outcomes(there, seen)["dhcp4"] is Outcome.KEPT
    assert of(Outcome.BROKEN, there, but(seen, **offered())) == {"dhcp4.range"}


def test_without_ranges_and_without_asking_whether_strangers_get_an_address_is_unseen() -> None:
    there = kind("nat", ips=[{**PLAIN4, "dhcp": {"hosts": [{"mac": MAC, "ip": "10.0.0.10"}]}}, SLAAC])
    assert outcomes(there, replace(lived(there), offers=None, lease=None))["dhcp4.range"] is Outcome.UNSEEN
    assert "dhcp4.range" not in outcomes(there, Experience(informs=()), Level.QUICK)


def test_without_ranges_silence_towards_a_stranger_is_no_proof() -> None:
    there = kind("nat", ips=[{**PLAIN4, "dhcp": {"hosts": [{"name": "web", "ip": "10.0.0.10"}]}}, SLAAC])
    seen = replace(lived(there), offers=(), lease=NOTHING, reserved={})
    assert outcomes(there, seen)["dhcp4"] is Outcome.UNSEEN
    assert not of(Outcome.BROKEN, there, seen)


def test_without_ranges_only_reserved_clients_get_an_ipv6_address() -> None:
    there = kind("nat", ips=[IP4, {**SLAAC, "dhcp": {"hosts": [{"id": DUID, "ip": "fd00::10"}]}}])
    seen = replace(lived(there), lease6=Offer6(ROUTER))
    assert not of(Outcome.BROKEN, there, seen)
    assert outcomes(there, seen)["dhcp6.range"] is Outcome.KEPT
    lent = Offer6(ROUTER, GUEST6, ("fd00::1",))
    assert of(Outcome.BROKEN, there, replace(seen, lease6=lent)) == {"dhcp6.range"}
    assert outcomes(there, replace(seen, lease6=None))["dhcp6.range"] is Outcome.UNSEEN
    unasked = replace(seen, lease6=NOTHING, reserved6={})
    assert not of(Outcome.BROKEN, there, unasked)
    assert outcomes(there, unasked)["dhcp6"] is Outcome.UNSEEN


@pytest.mark.parametrize(("answer", "outcome"), [(NOTHING, Outcome.KEPT), (Pong(), Outcome.UNSEEN)])
def test_with_dns_off_silence_is_right_and_an_answer_may_be_the_hosts_own(
    answer: Nothing | Pong, outcome: Outcome
) -> None:
    there = kind("nat", ips=[IP4], dns={"enable": False})
    facts = offered(dns=())
    seen = replace(lived(there), resolvers={"10.0.0.1": answer}, records={}, adverts=(), **facts)
    assert outcomes(there, seen)["dns 10.0.0.1"] is outcome
    assert outcomes(there, seen)["dhcp4.dns"] is Outcome.KEPT
    assert outcomes(there, but(seen, **offered()))["dhcp4.dns"] is Outcome.BROKEN


@pytest.mark.parametrize(
    ("mode", "told"),
    [("nat", {"out6"}), ("route", {"out6"}), ("open", set[str]()), ("isolated", {"out6", "into6"})],
)
def test_without_an_ipv6_address_of_the_host_no_ipv6_gets_out_but_open_networks_promise_nothing(
    mode: str, told: set[str]
) -> None:
    there = kind(mode, ips=[PLAIN4])
    kept = replace(lived(there), out6=SILENCE, into6=SILENCE if "into6" in told else None)
    assert {name for name in outcomes(there, kept) if name.endswith("6")} == told
    if told:
        assert "out6" in of(Outcome.BROKEN, there, replace(kept, out6=HEARD))


def test_ipv6_between_guests_is_promised_where_the_network_has_it_or_is_told_to_let_it_through() -> None:
    assert "guests6" not in outcomes(kind("very-isolated"), Experience())
    assert "guests6" in outcomes(kind("very-isolated", ipv6=True), Experience())


@pytest.mark.parametrize(
    ("option", "facts", "promise"),
    [
        ("dhcp-option=3,10.0.0.254", offered(routers=("10.0.0.254",)), "dhcp4.router"),
        ("dhcp-option=6,192.0.2.53", offered(dns=("192.0.2.53",)), "dhcp4.dns"),
        ("ra-param=*,0,0", advert(lifetime=0), "ra.default-router"),
        (
            "address=/web.lab/192.0.2.1",
            {"records": {Question("web.lab", "A"): Answer("NOERROR", ("192.0.2.1",))}},
            "dns.record web.lab A",
        ),
    ],
)
def test_a_line_for_dnsmasq_in_the_file_can_be_why(option: str, facts: dict[str, Any], promise: str) -> None:
    there = kind("nat", dnsmasq_options=[option])
    assert not broken(there, **facts)
    assert outcomes(there, but(lived(there), **facts))[promise] is Outcome.UNSEEN
    assert promise in broken(kind("nat", dnsmasq_options=["cache-size=0"]), **facts)
    assert "dhcp4" in broken(there, offers=(), lease=NOTHING)


def test_another_dhcp_server_on_the_lan_is_the_lans_own_and_without_one_nothing_is_known() -> None:
    there = KINDS["bridge"]
    assert of(Outcome.UNSEEN, there, replace(lived(there), offers=(), lease=NOTHING)) == {"dhcp4"}


def test_an_answer_by_another_address_of_the_host_is_no_foreign_server() -> None:
    there = kind("nat", ips=[{"address": "10.0.1.1/24"}, IP4])
    seen = replace(lived(there), informs=(Offer("10.0.1.1"), *(lived(there).offers or ())), offers=None, lease=None)
    told = outcomes(there, seen)
    assert all(told[code] is Outcome.KEPT for code in DHCP4 - {"dhcp4.range"})


def test_of_several_ipv6_subnets_each_is_advertised_unless_one_has_dhcp() -> None:
    second = {"address": "fd01::1/64"}
    assert {name for name in outcomes(kind("nat", ips=[SLAAC, second]), Experience()) if "prefix" in name} == {
        "ra.prefix fd00::/64",
        "ra.prefix fd01::/64",
    }
    assert {name for name in outcomes(kind("nat", ips=[second, IP6]), Experience()) if "prefix" in name} == {
        "ra.prefix fd00::/64"
    }


def test_without_the_bridges_mac_address_the_host_is_known_by_its_prefix() -> None:
    there = target(network(ips=[SLAAC], mac=None))
    prefix = Prefix("fd00::/64", on_link=True, autonomous=True)
    own = Advert("fe80::1", 1800, managed=False, other=False, prefixes=(prefix,), dns=("fe80::1",))
    told = outcomes(there, Experience(adverts=(own, STRANGER)))
    assert (told["ra"], told["ra.foreign-router"]) == (Outcome.KEPT, Outcome.BROKEN)


WORDS = st.sampled_from(["", "10.0.0.1", "10.0.0.10", GUEST4, "192.0.2.9", "fd00::10", ROUTER, "fe80::9", "what?"])
SEVERAL = st.lists(WORDS, max_size=3).map(tuple)
NUMBERS = st.none() | st.integers(0, 65535)
NOTHINGS = st.builds(Nothing, st.sampled_from(["", "no answer"]))
OFFERS = st.builds(Offer, WORDS, WORDS, NUMBERS, SEVERAL, SEVERAL, WORDS, NUMBERS, NUMBERS)
OFFERS6 = st.builds(Offer6, WORDS, WORDS, SEVERAL, SEVERAL)
PREFIXES = st.builds(Prefix, st.sampled_from(["fd00::/64", "fd01::/64", ""]), st.booleans(), st.booleans())
ADVERTS = st.builds(
    Advert,
    WORDS,
    st.integers(0, 65535),
    st.booleans(),
    st.booleans(),
    st.lists(PREFIXES, max_size=2).map(tuple),
    SEVERAL,
    NUMBERS,
)
CROSSINGS = st.none() | st.builds(Crossing, st.booleans(), SEVERAL)
REPLIES = st.dictionaries(WORDS, st.just(Pong()) | NOTHINGS)
QUESTIONS = st.builds(
    Question, st.sampled_from(["web.lab", "5.0.0.10.in-addr.arpa", "x"]), st.sampled_from(["A", "PTR"])
)
SEEN = st.builds(
    Experience,
    forwarding=st.none() | st.floats(0, 60) | NOTHINGS,
    informs=st.none() | st.lists(OFFERS, max_size=3).map(tuple),
    offers=st.none() | st.lists(OFFERS, max_size=3).map(tuple),
    lease=st.none() | NOTHINGS | OFFERS,
    reserved=st.dictionaries(st.sampled_from([MAC, "52:54:00:00:00:11"]), OFFERS | NOTHINGS),
    adverts=st.none() | st.lists(ADVERTS, max_size=3).map(tuple),
    lease6=st.none() | NOTHINGS | OFFERS6,
    inform6=st.none() | NOTHINGS | OFFERS6,
    reserved6=st.dictionaries(st.sampled_from([DUID, "00:01"]), OFFERS6 | NOTHINGS),
    host=REPLIES,
    resolvers=REPLIES,
    records=st.dictionaries(QUESTIONS, st.builds(Answer, st.sampled_from(["NOERROR", "NXDOMAIN"]), SEVERAL) | NOTHINGS),
    neighbour4=CROSSINGS,
    neighbour6=CROSSINGS,
    out4=CROSSINGS,
    out6=CROSSINGS,
    into4=CROSSINGS,
    into6=CROSSINGS,
    hears=CROSSINGS,
    far_address4=WORDS,
    far_address6=WORDS,
    guest4=WORDS,
    guest6=WORDS,
)


@given(st.sampled_from(sorted(KINDS)), SEEN, st.sampled_from(Level))
def test_whatever_was_seen_each_promise_is_told_once_and_in_words(name: str, seen: Experience, level: Level) -> None:
    told, remarked = judge(KINDS[name], seen, level=level)
    assert max(Counter((verdict.code, verdict.subject) for verdict in told).values()) == 1
    assert all(verdict.expected and verdict.seen for verdict in told)
    assert all(verdict.hint for verdict in told if verdict.outcome is Outcome.UNSEEN)
    assert len({remark.code for remark in remarked}) == len(remarked)


@given(st.sampled_from(sorted(KINDS)), SEEN)
def test_the_full_level_tells_every_promise_that_the_quick_one_tells(name: str, seen: Experience) -> None:
    there = KINDS[name]
    quick, full = verdicts(there, seen, Level.QUICK), verdicts(there, seen)
    assert all(full[key] == verdict for key, verdict in quick.items())
    expected = {code for code, _ in verdicts(there, lived(there) if there.network.mode in LAN else Experience())}
    assert expected <= {code for code, _ in full}
