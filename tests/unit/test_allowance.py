"""What a topology adds where an operator has to allow it: which settings count as added, and which patterns allow them.

The texts that mean something else to dnsmasq than to a reader were tried on dnsmasq 2.90.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.allowance import EVERYTHING, NOTHING, Allowance, Kind, Setting, objection
from netreconcile.fill import as_running
from netreconcile.networkplan import NetworkPlan, Verb
from netreconcile.plan import plan, removal
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from netreconcile.model import Network
    from netreconcile.observed import Observed

SCRIPT = "dhcp-script=/tmp/mine"
ADDRESS = "10.0.0.1/24"


def options(*texts: str, **more: Any) -> Network:
    return network(dnsmasq_options=texts, **more)


def tftp(root: str | None, address: str = ADDRESS) -> Network:
    return network(ips=[{"address": address, "tftp": root}])


def planned(desired: Network, *on_host: Observed, allowed: Allowance = NOTHING, **more: Any) -> NetworkPlan:
    """Return the part of the network `net` in the plan."""
    found = plan(topology(net=desired), host(*on_host), allowed=allowed, **more)
    (part,) = (part for part in found.networks if part.name == "net")
    return part


# -- what counts as added


@pytest.mark.parametrize(
    ("config", "running", "desired", "refused"),
    [
        (options(), options(), options("a"), True),
        (options("a"), options("a"), options("a"), False),
        (options("a"), None, options("a"), False),
        (None, options("a"), options("a"), False),
        (options("a"), options(), options("a"), False),
        (options(), options("a"), options("a"), False),
        (options("a"), options("b"), options("b", "a"), False),
        (options("a", "b"), options("a", "b"), options("b", "a"), False),
        (options("a", "b"), options("a", "b"), options("b"), False),
        (options("a"), options("a"), options("a", "a"), False),
        (options("a"), options("a"), options("a", "b"), True),
        (options("a"), options("a"), options("A"), True),
        (options("a"), options("a"), options(" a"), True),
        (options("a"), options("a"), options("a", mtu=1400), False),
        (options("a"), options("a"), options("a", domain="new.example"), False),
        (tftp(None), tftp(None), tftp("/srv/tftp"), True),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp("/srv/tftp"), False),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp("/srv/tftp", "10.0.0.1/25"), False),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp("/srv/tftp", "10.0.0.2/24"), True),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp("/srv"), True),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp("/srv/tftp/"), True),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), tftp(None), False),
        (tftp("/srv/tftp"), tftp("/srv/tftp"), options("/srv/tftp"), True),
    ],
)
def test_what_neither_config_nor_running_has_is_added(
    config: Network | None, running: Network | None, desired: Network, *, refused: bool
) -> None:
    part = planned(desired, there(config, running))
    assert (part.verb is Verb.REFUSE) == refused
    assert not (refused and part.steps)
    assert not planned(desired, there(config, running), allowed=EVERYTHING).refusal


def test_everything_is_added_to_a_network_that_the_host_lacks() -> None:
    assert planned(options("a")).verb is Verb.REFUSE
    assert planned(options("a"), allowed=EVERYTHING).verb is Verb.CREATE
    renamed = options("a", uuid="99999999-2222-4333-8444-555555555555", bridge="br9", ips=[{"address": "10.9.0.1/24"}])
    other = there(options("a"), options("a"), name="old")
    assert planned(renamed, other).verb is Verb.REFUSE


@pytest.mark.parametrize(
    ("before", "more"),
    [
        (None, {}),
        (there(options(), options()), {}),
        (there(options(), options(), owner=None), {}),
        (there(options(), options(), owner="other"), {"take_over": True}),
        (there(None, options()), {}),
        (there(options()), {}),
    ],
)
@pytest.mark.parametrize("state", ["active", "inactive"])
def test_it_holds_for_whatever_a_plan_does(before: Observed | None, more: dict[str, Any], state: str) -> None:
    part = planned(options(SCRIPT, state=state), *([before] if before else []), **more)
    assert (part.verb, part.steps) == (Verb.REFUSE, ())
    assert SCRIPT in part.refusal


def test_adoption_and_take_over_of_what_is_there_need_nothing() -> None:
    for owner in (None, "other"):
        part = planned(options("a"), there(options("a"), options("a"), owner=owner), take_over=True)
        assert part.steps
        assert not part.refusal


def test_what_must_go_and_destroy_need_nothing() -> None:
    before = there(options("a"), options("a"))
    assert planned(options("b", state="absent"), before).verb is Verb.REMOVE
    assert removal(topology(net=options("b")), host(before)).steps


def test_a_refused_network_tells_its_differences_and_keeps_nobody_else_waiting() -> None:
    other = network(
        uuid="99999999-2222-4333-8444-555555555555", mac=None, bridge="br9", ips=[{"address": "10.9.0.1/24"}]
    )
    before = host(there(network(), network(), guests=(GUEST,)))
    found = plan(topology(net=options(SCRIPT, mtu=1400), other=other), before)
    net, new = found.networks
    assert (net.verb, new.verb) == (Verb.REFUSE, Verb.CREATE)
    assert {drift.change.path[0] for drift in net.drifts if drift.change} == {"dnsmasq_options", "mtu"}
    assert {step.network for step in found.steps} == {"other"}
    assert not found.needs_consent


def test_a_foreign_network_stays_foreign_whatever_is_allowed() -> None:
    part = planned(options("a"), there(options(), owner="other"), allowed=EVERYTHING)
    assert "it belongs to topology 'other'" in part.refusal


def test_what_libvirt_adds_to_a_running_definition_changes_nothing() -> None:
    config = options("a")
    assert not planned(config, there(config, as_running(config, config))).steps


# -- what it says


def test_a_refusal_says_what_is_added_why_that_matters_and_what_permits_it() -> None:
    part = planned(options("a", "b", ips=[{"address": ADDRESS, "tftp": "/srv"}]), there(options("a")))
    assert part.refusal == (
        "it adds dnsmasq_options 'b', and dnsmasq's options can run programs and write files as root:"
        " --allow-dnsmasq-options permits it, or allow.dnsmasq_options in /etc/netreconcile/policy.yaml;"
        " it adds ips[10.0.0.1].tftp.root '/srv', and guests can read what is in a folder for TFTP:"
        " --allow-tftp-root permits it, or allow.tftp_roots in /etc/netreconcile/policy.yaml"
    )
    assert "in /srv/my.yaml" in planned(options("b"), allowed=replace(NOTHING, file="/srv/my.yaml")).refusal


def test_many_and_long_options_make_no_long_sentence() -> None:
    refusal = planned(options(*(f"{number}={'x' * 300}" for number in range(9)), "0=a", "0=a")).refusal
    assert "7 more" in refusal
    assert len(refusal) < 600


# -- what is allowed


@pytest.mark.parametrize(
    ("pattern", "option", "permitted"),
    [
        ("*", SCRIPT, True),
        ("*", 'log-facility="/etc/../x" # y', True),
        ("log-queries", "log-queries", True),
        ("log-queries", "log-queries=extra", False),
        ("log-queries", "log-facility=/etc/cron.d/x", False),
        ("dhcp-option=*", "dhcp-option=3", True),
        ("dhcp-option=*", "dhcp-option=tag:a,option:router,10.0.0.9", True),
        ("dhcp-option=*", "dhcp-option-force=3", False),
        ("dhcp-option=*", "dhcp-option", False),
        ("dhcp-option=*", " dhcp-option=3", False),
        ("dhcp-option=*", "dhcp-option = 3", False),
        ("dhcp-option=*", "--dhcp-option=3", False),
        ("dhcp-option=*", "DHCP-OPTION=3", False),
        ("dhcp-option=*", '"dhcp-option"=3', False),
        ("dhcp-option=*", 'dhcp-option=67,"a"', False),
        ('dhcp-option=67,"a"', 'dhcp-option=67,"a"', True),
        ("dhcp-option=option6:*", "dhcp-option=option6:dns-server,[fd00::1]", True),
        ("dhcp-option=option6:dns-server,[fd00::1]", "dhcp-option=option6:dns-server,[fd00::1]", True),
        ("cache-size=[0-9]00", "cache-size=500", True),
        ("cache-size=[0-9]00", "cache-size=5000", False),
        ("addn-hosts=/srv/hosts/*", "addn-hosts=/srv/hosts/a/b", True),
        ("addn-hosts=/srv/hosts/*", "addn-hosts=/srv/hosts/a..b", True),
        ("addn-hosts=/srv/hosts/*", "addn-hosts=/srv/hosts/../../etc/shadow", False),
        ("addn-hosts=/srv/hosts/*", "addn-hosts=/srv/hosts/..", False),
        ("addn-hosts=/srv/hosts/*", 'addn-hosts=/srv/hosts/"."./"."./etc/shadow', False),
        ("addn-hosts=/srv/*/hosts", "addn-hosts=/srv/secret #/hosts", False),
        ("conf-dir=/srv/*,*.conf", "conf-dir=/srv/../etc,a.conf", False),
        ("conf-dir=/srv/*", "conf-dir=/srv/..,a", False),
    ],
)
def test_a_pattern_allows_what_dnsmasq_reads_as_the_text_says(pattern: str, option: str, *, permitted: bool) -> None:
    setting = Setting(Kind.OPTION, "dnsmasq_options", option)
    assert Allowance(dnsmasq_options=(pattern,)).permits(setting) == permitted
    assert not Allowance(tftp_roots=(pattern, option)).permits(setting)
    assert not NOTHING.permits(setting)
    assert EVERYTHING.permits(setting)


@pytest.mark.parametrize(
    ("pattern", "root", "permitted"),
    [
        ("*", "/", True),
        ("*", "/srv/tftp/../../etc", True),
        ("/srv/tftp", "/srv/tftp", True),
        ("/srv/tftp", "/srv/tftp/", True),
        ("/srv/tftp", "/srv//./tftp", True),
        ("/srv/tftp", "/srv/tftp/a", False),
        ("/srv/tftp", "/srv/TFTP", False),
        ("/srv/tftp", "srv/tftp", False),
        ("/srv/tftp/*", "/srv/tftp/a/b", True),
        ("/srv/tftp/*", "/srv/tftp", False),
        ("/srv/tftp/*", "/srv/tftp/../../etc", False),
        ("/srv/tftp/*", "/srv/tftp/..", False),
        ("/srv/tftp/*", '/srv/tftp/"."./"."./etc', False),
        ("/srv/*/pub", "/srv/secret #/pub", False),
    ],
)
def test_a_pattern_allows_a_folder_and_no_way_out_of_it(pattern: str, root: str, *, permitted: bool) -> None:
    setting = Setting(Kind.TFTP_ROOT, "ips[10.0.0.1].tftp.root", root)
    assert Allowance(tftp_roots=(pattern,)).permits(setting) == permitted
    assert not Allowance(dnsmasq_options=(pattern, root)).permits(setting)


def test_all_of_a_kind_leaves_the_other_kind_as_it_was() -> None:
    one = Allowance(tftp_roots=("/srv",)).with_all(Kind.OPTION)
    assert one == Allowance(dnsmasq_options=("*",), tftp_roots=("/srv",))
    assert NOTHING.with_all() == NOTHING


def test_each_option_counts_on_its_own() -> None:
    allowed = Allowance(dnsmasq_options=("log-queries",))
    assert not objection(options("log-queries"), None, allowed)
    refusal = objection(options("log-queries", SCRIPT), None, allowed)
    assert SCRIPT in refusal
    assert "log-queries" not in refusal
