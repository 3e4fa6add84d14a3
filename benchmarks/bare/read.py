"""The limit of a drift check: everything that must be read from libvirt, in the fewest calls, and no more."""

import libvirt

connection = libvirt.openReadOnly(None)
connection.getLibVersion()
networks = connection.listAllNetworks(0)
for flag in ("AUTOSTART", "ACTIVE", "PERSISTENT"):
    {
        network.UUIDString()
        for network in connection.listAllNetworks(getattr(libvirt, f"VIR_CONNECT_LIST_NETWORKS_{flag}"))
    }
for network in networks:
    network.XMLDesc(0)
    network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
