"""The limit of a teardown: stop and undefine each network, one after the other."""

import libvirt

for network in libvirt.open(None).listAllNetworks(0):
    network.destroy()
    network.undefine()
