"""Lines of the file for dnsmasq that change what it says: what isn't as usual then is no broken promise."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from netreconcile.verify.verdict import Outcome, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from netreconcile.model import Network

_TOLD = ("dhcp4.range", "dhcp4.router", "dhcp4.dns", "dhcp4.domain", "dhcp4.mtu", "dhcp6.range", "dhcp6.dns")
_ADVERTISED = ("ra.default-router", "ra.prefix", "ra.dns")
_RECORDS = ("addn-hosts", "address", "alias", "cname", "dns-rr", "filter-", "host-record", "hostsdir", "local")
_MORE_RECORDS = ("mx-", "naptr-record", "no-hosts", "ptr-record", "srv-host", "synth-domain", "txt-record")
_BY_CODE = {
    **dict.fromkeys(_TOLD, ("dhcp-", "domain", "port")),
    **dict.fromkeys(_ADVERTISED, ("dhcp-", "ra-param", "port")),
    "dns.record": (*_RECORDS, *_MORE_RECORDS),
}
"""Beginnings of the options of dnsmasq that can change what a promise is about, by its code."""


def excused(verdicts: Iterable[Verdict], network: Network) -> Iterator[Verdict]:
    """Yield the verdicts, or that they can't be told where an option in the file can be why a promise looks broken."""
    for verdict in verdicts:
        names = _BY_CODE.get(verdict.code, ())
        options = tuple(option for option in network.dnsmasq_options if option.strip().startswith(names))
        if verdict.outcome is Outcome.BROKEN and options:
            hint = f"dnsmasq_options may want it so: {', '.join(options)}"
            yield replace(verdict, outcome=Outcome.UNSEEN, hint=hint)
        else:
            yield verdict
