"""What mends a broken promise, in the words that several promises share."""

DAEMON = (
    "if the bridge is there, `systemctl restart libvirtd` (or virtnetworkd) brings dnsmasq and firewall rules back, "
    "and no guest loses its link"
)
"""For what libvirt keeps up and somebody took away (networkRefreshDaemons, networkReloadFirewallRules)."""

CONTENTS = "netreconcile drift tells whether the network runs what the file says; apply mends it"
"""For what is there, and says something else than the file."""

LEASES = "netreconcile show lists the leases: another client may have the address, or all may be lent"
"""For addresses that aren't lent."""

SAMPLE = "only a sample is asked for"
"""Why some of many reservations or records aren't seen."""

UNANSWERED = "there is no answer to look at"
"""Why nothing is seen of what a server tells that doesn't answer, which is told for itself."""

UNTRIED = "not tried: guests on the LAN are plugged in with --lan only"
"""Why nothing is seen of networks that aren't libvirt's own."""

UNHEARD = "the control wasn't heard at the far end, so silence proves nothing"
"""Why a crossing says nothing."""
