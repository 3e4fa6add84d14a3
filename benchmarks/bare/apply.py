"""The limit of an apply from nothing: define, autostart and start each network, one after the other."""

import sys
from pathlib import Path

import libvirt

connection = libvirt.open(None)
for file in sorted(Path(sys.argv[1]).iterdir()):
    network = connection.networkDefineXML(file.read_text())
    network.setAutostart(1)
    network.create()
