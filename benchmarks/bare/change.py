"""The limit of a change: one DHCP host is added to a running network, or taken out where it is there."""

import sys

import libvirt

network = libvirt.open(None).networkLookupByName(sys.argv[1])
host = sys.argv[2]
command = libvirt.VIR_NETWORK_UPDATE_COMMAND_ADD_LAST
if host in network.XMLDesc(0):
    command = libvirt.VIR_NETWORK_UPDATE_COMMAND_DELETE
flags = libvirt.VIR_NETWORK_UPDATE_AFFECT_LIVE | libvirt.VIR_NETWORK_UPDATE_AFFECT_CONFIG
network.update(command, libvirt.VIR_NETWORK_SECTION_IP_DHCP_HOST, 0, host, flags)
