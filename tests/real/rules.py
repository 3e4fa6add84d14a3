"""libvirt's firewall rules taken away by hand, whichever backend has made them: commands for a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netreconcile.lab import Lab

BY_HAND = "by-hand"
"""The comment at rules that aren't libvirt's."""
FROM = "(-i|iif)"
"""How rules begin that are about packets from a bridge; a quote may follow."""
DELETE = r"""
for family in ip ip6; do
  for table in filter nat mangle; do
    ${family}tables -t $table -S | grep -Ei -e '@' | sed "s/^-A/${family}tables -t $table -D/" | sh -e
  done
  nft -a list table $family libvirt_network 2> /dev/null |
    awk -v table="$family libvirt_network" '/^\tchain/ {chain = $2} !/{/ {print "delete rule", table, chain, $0}' |
    grep -Ei -e '@' | sed 's/^\(\([^ ]* \)\{5\}\).*# /\1/' | nft -f -
done
"""
KEEP_RULES = """
iptables-save > /run/rules4
ip6tables-save > /run/rules6
for family in ip ip6; do nft list table $family libvirt_network 2> /dev/null || :; done > /run/rules
"""
FLUSH_RULES = """
for program in iptables ip6tables; do
  for table in filter nat; do $program -t $table -F; done
done
for family in ip ip6; do nft flush table $family libvirt_network 2> /dev/null || :; done
"""
"""The chains stay, and nobody calls them any more."""
GET_RULES_BACK = """
iptables-restore < /run/rules4
ip6tables-restore < /run/rules6
nft -f /run/rules
"""


def has_own_table(lab: Lab) -> bool:
    """Return whether libvirt uses nftables here, and so has no say in what iptables' own chains do.

    The table itself is there from the start of the first network on.
    """
    command = "nft list table ip libvirt_network || grep -q '^firewall_backend.*nftables' /etc/libvirt/network.conf"
    return lab.run("sh", "-c", command, capture_output=True).returncode == 0


def ipv4_rules(lab: Lab) -> list[str]:
    """Return the lines of iptables' rules and of those in libvirt's own table, without counters."""
    ran = lab.run("sh", "-c", "iptables-save; nft -s list table ip libvirt_network", capture_output=True)
    return [line.strip() for line in ran.stdout.splitlines()]


def accept_all(bridge: str) -> str:
    """Return what accepts all that guests send, before libvirt's rules: iptables' accept doesn't hold for nftables."""
    return f"""
iptables -I FORWARD -i {bridge} ! -o {bridge} -m comment --comment {BY_HAND} -j ACCEPT
if nft list table ip libvirt_network > /dev/null 2>&1; then
  nft insert rule ip libvirt_network forward iifname {bridge} oifname != {bridge} accept comment {BY_HAND}
fi
"""


def no_rules(pattern: str) -> str:
    """Return what deletes the rules, of both IP versions, that match a pattern of `grep -i`."""
    return DELETE.replace("@", pattern)
