"""What can go wrong with networks that libvirt calls active, and which promises `verify` must then tell as broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from netreconcile.binding import Section
from tests.real.rules import BY_HAND, FLUSH_RULES, GET_RULES_BACK, KEEP_RULES, accept_all, no_rules
from tests.real.stage import NETWORKS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.real.stage import Stage

Act = Callable[["Stage"], object]


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that happens to a network of the stage, or without `network` to the whole host.

    Where there is no `mend`, the network is started anew. What is told is `code subject`, with commas between:
    promises that are broken already for the `quick` level, the `guests` see that they are, and remarks of the full one.
    """

    name: str
    network: str
    do: Act
    mend: Act | None = None
    quick: str = ""
    guests: str = ""
    remarks: str = ""

    def told(self, *said: str) -> set[str]:
        """Return what is told, with the name of the network."""
        return {f"{self.network}: {one}" if self.network else one for text in said for one in text.split(", ") if one}

    def __str__(self) -> str:
        return f"{self.network}: {self.name}" if self.network else self.name


def mend(stage: Stage, damages: Sequence[Damage]) -> None:
    """Everything is as it was."""
    for damage in damages:
        if damage.mend:
            damage.mend(stage)
        else:
            stage.restart(damage.network)


def sh(*commands: str) -> Act:
    """Return what runs commands on the host."""
    return lambda stage: stage.shell("\n".join(commands))


def both(*acts: Act) -> Act:
    """Return what does several things in this order."""
    return lambda stage: [act(stage) for act in acts]


def without_rules(pattern: str) -> Act:
    """Return what deletes libvirt's firewall rules that match a pattern of `grep`, in lower case."""
    return sh(no_rules(pattern))


def rule(text: str, program: str = "iptables") -> tuple[Act, Act]:
    """Return what puts a rule before all of libvirt's, and what takes it away."""
    return sh(f"{program} -I {text}"), sh(f"{program} -D {text}")


def live(network: str, section: Section, **changes: str) -> Act:
    """Return what changes a network as it runs, and leaves its definition alone, as `virsh net-update --live` does."""

    def act(stage: Stage) -> None:
        import libvirt

        commands = {
            "delete": libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE,
            "add": libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST,
        }
        flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE
        for command, xml in changes.items():
            stage.network(network).update(commands[command], section.value, -1, xml, flags)

    return act


def redefined(network: str, before: str, after: str) -> Act:
    """Return what edits a network's definition and starts it anew."""

    def act(stage: Stage) -> None:
        xml = stage.config_xml(network)
        assert before in xml
        stage.define(xml.replace(before, after))
        stage.restart(network)

    return act


def rogue(bridge: str, own: str, serving: str) -> tuple[Act, Act]:
    """Return what plugs in a guest that serves others as if it were the host, and what takes it away."""
    there = f"rogue-{bridge}"
    cable = f"type veth peer name eth0 address 52:54:00:66:66:66 netns {there}"
    do = sh(
        f"ip netns add {there}",
        f"ip link add {there} address fe:54:00:66:66:66 {cable}",
        f"ip link set {there} master {bridge} up",
        f"ip -n {there} addr add {own} dev eth0 {'nodad' if ':' in own else ''}",
        f"ip -n {there} link set eth0 up",
        f"ip netns exec {there} dnsmasq --conf-file=/dev/null --interface=eth0 --bind-dynamic --pid-file= --port=0"
        f" --no-ping --dhcp-leasefile=/run/{there}.leases {serving}",
    )
    return do, sh(f"ip netns pids {there} | xargs kill -9", f"ip link del {there}", f"ip netns del {there}")


def killed(network: str) -> Act:
    """Return what ends a network's dnsmasq."""
    return sh(f"kill -9 $(cat /run/libvirt/network/{network}.pid)")


def reserved(network: str, before: str, after: str) -> Act:
    """Return what edits the reservations that a network's dnsmasq reads."""
    return sh(
        f"sed -i s/{before}/{after}/ /var/lib/libvirt/dnsmasq/{network}.hostsfile",
        f"kill -HUP $(cat /run/libvirt/network/{network}.pid)",
    )


def configured(network: str, edit: str) -> tuple[Act, Act]:
    """Return what starts a network's dnsmasq by hand with an edited configuration, and what undoes that.

    libvirt itself ends only those that it has started.
    """
    do = sh(
        f"cd /proc/$(cat /run/libvirt/network/{network}.pid)",
        "command=$(tr '\\0' ' ' < cmdline)",
        "export $(tr '\\0' '\\n' < environ | grep ^VIR_BRIDGE_NAME=)",
        f"sed -i '{edit}' /var/lib/libvirt/dnsmasq/{network}.conf",
        f"kill -9 $(cat /run/libvirt/network/{network}.pid)",
        "cd /",
        "$command",
    )
    return do, both(killed(network), lambda stage: stage.restart(network))


ONE_BY_ONE = (
    Damage(
        "a record is gone from the running network",
        "nat",
        live("nat", Section.DNS_HOST, delete="<host ip='10.30.0.21'/>"),
        guests="dns.record api.nat.lab A, dns.record 21.0.30.10.in-addr.arpa PTR",
        remarks="runs-otherwise",
    ),
    Damage(
        "another record is gone from the running network",
        "nat",
        live("nat", Section.DNS_TXT, delete="<txt name='owner.nat.lab' value='the platform team'/>"),
        guests="dns.record owner.nat.lab TXT",
    ),
    Damage(
        "a firewall drops router advertisements",
        "nat66",
        *rule("OUTPUT -o v-nat66 -p icmpv6 --icmpv6-type 134 -j DROP", "ip6tables"),
        guests="ra",
    ),
    Damage(
        "its rules are flushed",
        "half-nat",
        without_rules(r"v-half|10\.30\.2\.0"),
        quick="firewall IPv4, firewall IPv6",
        guests="out4, into4",
    ),
    Damage(
        "a firewall drops what is forwarded",
        "routed",
        *rule("FORWARD -i v-routed ! -o v-routed -j DROP"),
        quick="firewall.others IPv4",
        guests="out4",
    ),
    Damage(
        "the route to a subnet behind a guest is gone",
        "routed",
        sh("ip route del 10.130.0.0/16"),
        quick="bridge.route 10.130.0.0/16",
    ),
    Damage(
        "a firewall drops DHCP",
        "open",
        *rule("INPUT -i v-open -p udp --dport 67 -j DROP"),
        quick="firewall.others IPv4, dhcp4",
    ),
    Damage(
        "the rules that reject are flushed",
        "isolated",
        without_rules("v-iso.*reject"),
        quick="firewall IPv4, firewall IPv6",
        guests="out4, out6, into4, into6",
    ),
    Damage(
        "the host's address is removed",
        "plain",
        sh("ip addr del 10.30.6.1/24 dev v-plain"),
        quick="bridge.address 10.30.6.1",
        guests="host4 10.30.6.1",
    ),
    Damage(
        "the host has an address",
        "wire",
        sh("ip addr add 10.99.0.1/24 dev v-wire"),
        quick="bridge.address",
        remarks="host-hears-very-isolated",
    ),
    Damage(
        "the rules that reject are flushed, and whatever comes is taken",
        "wire6",
        both(
            without_rules("v-wire6.*reject"),
            sh("echo 0 > /proc/sys/net/ipv4/conf/v-wire6/rp_filter"),
        ),
        quick="firewall IPv4, firewall IPv6",
        guests="out4",
        remarks="host-hears-very-isolated",
    ),
    Damage(
        "ports aren't isolated",
        "sandbox",
        redefined("sandbox", "<port isolated='yes'/>", ""),
        redefined("sandbox", "</network>", "<port isolated='yes'/></network>"),
        guests="guests4, guests6",
        remarks="runs-otherwise",
    ),
    Damage(
        "a reservation is for another address",
        "fixed",
        reserved("fixed", "10.30.8.10", "10.30.8.77"),
        quick="dhcp4.reserved 52:54:00:30:08:10",
    ),
    Damage(
        "the rules that translate addresses are deleted",
        "masked",
        without_rules("10.30.9.0/24.*(snat|masquerade)"),
        quick="firewall IPv4",
        guests="out4",
    ),
    Damage("dnsmasq is killed", "pinned", killed("pinned"), quick="dnsmasq, dhcp4, dns 10.30.10.1"),
    Damage(
        "the bridge is down",
        "six",
        sh("ip link set v-six down"),
        quick="bridge.up, bridge.address fd30:b::1",
        guests="forwarding",
    ),
    Damage("the bridge is deleted", "transit", sh("ip link del v-transit"), quick="bridge", guests="forwarding"),
    Damage(
        "other addresses are lent by the running network",
        "two-subnets",
        live(
            "two-subnets",
            Section.IP_DHCP_RANGE,
            delete="<range start='10.30.13.10' end='10.30.13.90'/>",
            add="<range start='10.30.13.200' end='10.30.13.210'/>",
        ),
        guests="dhcp4.range",
        remarks="runs-otherwise",
    ),
    Damage("the bridge has another MTU", "default", sh("ip link set virbr0 mtu 1300"), quick="bridge.mtu"),
    Damage(
        "the network card is down",
        "cards",
        sh("ip link set eth2 down"),
        sh("ip link set eth2 up"),
        quick="host-interface eth2",
        guests="forwarding",
    ),
)
"""Damage to one network each, on all of them at the same time."""

AGAIN = (
    Damage(
        "dnsmasq has another configuration",
        "nat",
        *configured(
            "nat",
            "s/^domain=.*/domain=wrong.lab/; s/option:mtu,1400/option:mtu,1300/;"
            " $a dhcp-option=3,10.30.0.9\\ndhcp-option=6,10.30.0.9",
        ),
        quick="dhcp4.router, dhcp4.dns, dhcp4.domain, dhcp4.mtu",
        guests="dns.record _sip._udp.nat.lab SRV",
    ),
    Damage(
        "the rules that translate IPv6 addresses are deleted",
        "nat66",
        without_rules("fd30:1::/64.*masquerade"),
        quick="firewall IPv6",
        guests="out6",
    ),
    Damage(
        "a reservation is for another address",
        "nat66",
        reserved("nat66", "fd30:1::66", "fd30:1::77"),
        guests="dhcp6.reserved 00:03:00:01:52:54:00:30:01:10",
    ),
    Damage(
        "a guest serves DHCP",
        "half-nat",
        *rogue("v-half", "10.30.2.66/24", "--dhcp-range=10.30.2.60,10.30.2.65,10m"),
        quick="dhcp4.foreign-server",
    ),
    Damage(
        "dnsmasq is killed",
        "routed",
        killed("routed"),
        quick="dnsmasq, dhcp4, dns 10.30.3.1",
        guests="dns fd30:3::1, ra",
    ),
    Damage("the bridge is deleted", "open", sh("ip link del v-open"), quick="bridge", guests="forwarding"),
    Damage(
        "a guest advertises itself as router",
        "isolated",
        *rogue("v-iso", "fd66::1/64", "--enable-ra --dhcp-range=fd66::,ra-only"),
        guests="ra.foreign-router",
    ),
    Damage(
        "a firewall accepts all that guests send",
        "isolated",
        sh(accept_all("v-iso")),
        without_rules(BY_HAND),
        guests="out4",
    ),
    Damage(
        "dnsmasq says that there is a way out",
        "isolated",
        *configured("isolated", "/^dhcp-option=3$/d; s/^ra-param=.*/ra-param=*,0,1800/"),
        quick="dhcp4.router",
        guests="ra.default-router",
    ),
    Damage("a firewall drops pings", "plain", *rule("INPUT -i v-plain -p icmp -j DROP"), guests="host4 10.30.6.1"),
    Damage(
        # libvirt has no IPv6 rules for a network without IPv6, so there is a way out, too
        "the host serves DHCP, and advertises itself as router",
        "plain",
        sh(
            "echo 0 > /proc/sys/net/ipv6/conf/v-plain/disable_ipv6",
            "ip addr add fd67::1/64 dev v-plain nodad",
            "dnsmasq --conf-file=/dev/null --interface=v-plain --bind-dynamic --pid-file=/run/plain.pid --port=0"
            " --dhcp-range=10.30.6.50,10.30.6.60,10m --dhcp-range=fd67::,ra-only --enable-ra --no-ping"
            " --dhcp-leasefile=/run/plain.leases",
        ),
        both(sh("kill $(cat /run/plain.pid)"), lambda stage: stage.restart("plain")),
        quick="dhcp4",
        guests="ra, out6",
        remarks="extra-address",
    ),
    Damage(
        "addresses are lent to anybody",
        "fixed",
        live("fixed", Section.IP_DHCP_RANGE, add="<range start='10.30.8.50' end='10.30.8.60'/>"),
        guests="dhcp4.range",
        remarks="runs-otherwise",
    ),
    Damage(
        "the bridge is down",
        "lan",
        sh("ip link set br0 down"),
        sh("ip link set br0 up", "ip addr add fd77::2/64 dev br0 nodad"),
        quick="host-bridge br0",
        guests="forwarding",
    ),
    Damage(
        "the bridge has another MAC address",
        "wire",
        sh("ip link set v-wire address 52:54:00:00:00:99"),
        quick="bridge.mac",
    ),
    Damage("spanning tree is on", "wire6", sh("ip link set v-wire6 type bridge stp_state 1"), quick="bridge.stp"),
    Damage("the bridge is down", "sandbox", sh("ip link set v-sand down"), quick="bridge.up", guests="forwarding"),
    Damage(
        "a firewall drops DNS",
        "pinned",
        *rule("INPUT -i v-pin -p udp --dport 53 -j DROP"),
        quick="firewall.others IPv4",
        guests="dns 10.30.10.1",
    ),
    Damage(
        "a firewall drops what comes from outside",
        "transit",
        *rule("FORWARD ! -i v-transit -o v-transit -j DROP"),
        guests="into4",
    ),
    Damage(
        "a guest serves DHCP where nobody should",
        "transit",
        *rogue("v-transit", "10.66.0.1/24", "--dhcp-range=10.66.0.100,10.66.0.150,10m"),
        remarks="dhcp4-from-a-guest",
    ),
    Damage(
        "one of two addresses is removed",
        "two-subnets",
        sh("ip addr del 10.30.14.1/24 dev v-two"),
        quick="bridge.address 10.30.14.1",
        guests="host4 10.30.14.1, dns 10.30.14.1",
    ),
    Damage(
        "it is stopped",
        "default",
        lambda stage: stage.network("default").destroy(),
        lambda stage: stage.network("default").create(),
        quick="runs",
    ),
)
"""Further damage to one network each."""


def everywhere(*codes: tuple[str, str]) -> str:
    """Return what is told of several networks: for each code their names."""
    return ", ".join(f"{name}: {code}" for code, names in codes for name in names.split())


SOME = "nat nat66 half-nat routed open isolated plain wire wire6 masked pinned six"
"""Networks of many kinds, as many as are visited at a time."""
IPV4 = "nat nat66 half-nat routed open masked"
"""Those of them with a way out by IPv4; that of `pinned` leads where no far end can stand."""
IPV6 = "nat66 half-nat routed open six"

FORWARDING = (
    Damage(
        "the kernel forwards nothing",
        "",
        sh("echo 0 > /proc/sys/net/ipv4/ip_forward", "echo 0 > /proc/sys/net/ipv6/conf/all/forwarding"),
        sh("echo 1 > /proc/sys/net/ipv4/ip_forward", "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding"),
        quick=everywhere(("forwarding4", f"{IPV4} pinned"), ("forwarding6", IPV6)),
        guests=everywhere(("out4", IPV4), ("into4", "routed"), ("out6", IPV6), ("into6", "routed")),
    ),
)
FLUSHED = (
    Damage(
        "all firewall rules are flushed",
        "",
        sh(KEEP_RULES, FLUSH_RULES),
        sh(GET_RULES_BACK),
        quick=everywhere(
            ("firewall IPv4", "nat nat66 half-nat routed masked pinned isolated plain wire wire6"),
            ("firewall IPv6", "nat66 half-nat routed isolated wire6"),
        ),
        guests=everywhere(
            ("out4", "nat nat66 half-nat masked isolated plain"),
            ("into4", "nat nat66 half-nat masked pinned isolated plain"),
            ("out6", "nat66 isolated"),
            ("into6", "nat66 isolated"),
        ),
    ),
)
"""Damage to all networks."""
ROUNDS = {
    "one-by-one": (tuple(NETWORKS), ONE_BY_ONE),
    "again": (tuple(NETWORKS), AGAIN),
    "nothing-forwarded": (tuple(SOME.split()), FORWARDING),
    "rules-flushed": (tuple(SOME.split()), FLUSHED),
}
"""Networks that are there, and damages that happen at the same time, by the name of the round."""
