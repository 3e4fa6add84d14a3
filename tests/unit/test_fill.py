"""What the file leaves to libvirt is taken from the host before anything is compared."""

from __future__ import annotations

from netreconcile.fill import as_running, digest, filled, mark_of
from netreconcile.model import Network
from tests.unit.examples import MAC, UUID, network, topology

SILENT = Network.model_validate({"mode": "nat", "ips": [{"address": "10.0.0.1/24"}]})


def test_libvirts_choices_are_kept_where_the_file_is_silent() -> None:
    full = filled(SILENT, network())
    assert full == network()
    assert (full.uuid, full.mac, full.bridge.name, full.bridge.stp) == (UUID, MAC, "br1", True)


def test_what_the_file_says_wins() -> None:
    said = SILENT.model_copy(update={"mac": "52:54:00:00:00:02"})
    assert filled(said, network()).mac == "52:54:00:00:00:02"


def test_nothing_else_is_taken_from_the_host() -> None:
    assert filled(SILENT, network(mtu=9000, dns={"enable": False})) == network()


def test_a_host_bridge_is_not_taken_for_a_bridge_that_libvirt_made() -> None:
    lan = Network.model_validate({"mode": "bridge", "bridge": "br0", "uuid": UUID})
    assert filled(SILENT, lan).bridge.name is None
    assert filled(SILENT, lan).uuid == UUID
    assert filled(Network.model_validate({"mode": "bridge", "bridge": "br0"}), network()).mac is None


def test_a_running_pool_lists_the_functions_that_libvirt_found() -> None:
    desired = Network.model_validate({"mode": "hostdev", "forward": {"pf": "eth3"}})
    running = Network.model_validate({"mode": "hostdev", "forward": {"pf": "eth3", "addresses": ["0000:03:10.0"]}})
    assert as_running(desired, running) == running
    moved = Network.model_validate({"mode": "hostdev", "forward": {"addresses": ["0000:03:10.0"]}})
    assert as_running(moved, running) == moved


def test_titles_are_no_matter_of_the_running_network() -> None:
    assert as_running(network(title="new"), network(title="old")).title == "old"


def test_the_digest_says_the_same_on_every_machine() -> None:
    assert digest(SILENT) == digest(
        Network.model_validate({"ips": [{"address": "10.0.0.1/255.255.255.0"}], "mode": "nat"})
    )
    assert digest(SILENT) != digest(SILENT.model_copy(update={"mtu": 9000}))
    assert len(digest(SILENT)) == 16


def test_the_mark_names_topology_digest_and_protection() -> None:
    mark = mark_of(topology(), SILENT.model_copy(update={"protect": True}))
    assert (mark.topology, mark.desired, mark.protect) == ("lab", digest(SILENT), True)
