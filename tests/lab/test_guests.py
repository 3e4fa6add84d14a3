"""A lab with QEMU: diskless guests on its networks."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from netreconcile.lab import Lab, programs

if TYPE_CHECKING:
    import libvirt

    from .conftest import Traces
else:
    libvirt = pytest.importorskip("libvirt")

pytestmark = pytest.mark.guests

GUEST = """
<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>32</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices>
    <interface type='network'>
      <mac address='52:54:00:00:00:11'/>
      <source network='wire'/>
      <model type='virtio'/>
    </interface>
  </devices>
</domain>
"""


def test_a_guest_has_a_port_on_its_network_and_a_tap_on_its_bridge(traces: Traces) -> None:
    if os.geteuid() != 0:
        pytest.skip("libvirt's QEMU driver runs for root only")
    lacking = programs.missing(guests=True)
    if lacking:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(programs.install_command(lacking))
    with Lab(guests=True) as lab:
        traces.follow(lab.pid)
        assert lab.uri.startswith("qemu+unix:")
        connection = libvirt.open(lab.uri)
        network = connection.networkCreateXML("<network><name>wire</name><bridge name='virbr7'/></network>")
        connection.createXML(GUEST)
        (port,) = network.listAllPorts()
        assert "<name>guest</name>" in port.XMLDesc()
        links = json.loads(lab.run("ip", "-json", "link", "show", "master", "virbr7", capture_output=True).stdout)
        assert [link["address"] for link in links] == ["fe:54:00:00:00:11"]
        connection.close()
