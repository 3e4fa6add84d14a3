"""libvirt's firewall rules taken away by hand, whichever backend has made them: commands for a shell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netreconcile.lab import Lab

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
    """Return whether libvirt uses nftables here, and so has no say in what iptables' own chains do."""
    return lab.run("nft", "list", "table", "ip", "libvirt_network", capture_output=True).returncode == 0


def no_rules(pattern: str) -> str:
    """Return what deletes the rules, of both IP versions, that match a pattern of `grep -i`."""
    return DELETE.replace("@", pattern)
