"""libvirt's XML to networks and back, on examples; `test_properties` has what holds for all."""

from __future__ import annotations

import pytest

from netreconcile import codec
from netreconcile.codec import UnreadableXml
from netreconcile.diff import changes
from netreconcile.dump import said_by
from netreconcile.model import Network
from netreconcile.unmodelled import unmodelled

PRINTED = """\
<network connections='2' ipv6='yes'>
  <name>default</name>
  <uuid>11111111-2222-4333-8444-555555555555</uuid>
  <metadata>
    <x:owner xmlns:x='urn:example' note='one&#10;two'><![CDATA[a < b]]></x:owner>
  </metadata>
  <forward dev='eth0' mode='nat'>
    <nat>
      <address start='203.0.113.10' end='203.0.113.20'/>
    </nat>
    <interface dev='eth0'/>
  </forward>
  <bridge name='virbr0' stp='on' delay='0'/>
  <mac address='52:54:00:AA:BB:CC'/>
  <domain name='lab.example' localOnly='yes'/>
  <dns>
    <forwarder addr='192.0.2.53'/>
    <forwarder domain='corp.example' addr='192.0.2.54'/>
    <host ip='10.0.0.9'>
      <hostname>web</hostname>
      <hostname>web.lab</hostname>
    </host>
  </dns>
  <ip address='10.0.0.1' netmask='255.255.255.0' localPtr='yes'>
    <dhcp>
      <range start='10.0.0.2' end='10.0.0.99'>
        <lease expiry='12' unit='hours'/>
      </range>
      <host mac='52:54:00:00:00:10' name='web' ip='10.0.0.10'/>
      <host mac='52:54:00:00:00:11' ip='10.0.0.11'>
        <lease expiry='0'/>
      </host>
    </dhcp>
  </ip>
  <ip family='ipv6' address='fd00::1' prefix='64'/>
  <route address='10.9.0.0' prefix='16' gateway='10.0.0.2' metric='3'/>
  <dnsmasq:options xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'>
    <dnsmasq:option value='cache-size=0'/>
    <dnsmasq:option value='dhcp-option=3'/>
  </dnsmasq:options>
</network>
"""


def test_everything_that_libvirt_prints_is_read() -> None:
    network, mark = codec.parse(PRINTED)
    assert mark is None
    assert said_by(network) == {
        "mode": "nat",
        "uuid": "11111111-2222-4333-8444-555555555555",
        "mac": "52:54:00:aa:bb:cc",
        "ipv6": True,
        "bridge": {"name": "virbr0", "stp": True, "delay": 0},
        "forward": {"dev": "eth0", "nat": {"addresses": "203.0.113.10-203.0.113.20"}},
        "domain": {"name": "lab.example", "local_only": True},
        "dns": {
            "forwarders": ["192.0.2.53", {"addr": "192.0.2.54", "domain": "corp.example"}],
            "hosts": [{"ip": "10.0.0.9", "hostnames": ["web", "web.lab"]}],
        },
        "ips": [
            {
                "address": "10.0.0.1/24",
                "local_ptr": True,
                "dhcp": {
                    "ranges": [{"start": "10.0.0.2", "end": "10.0.0.99", "lease": "12h"}],
                    "hosts": [
                        {"mac": "52:54:00:00:00:10", "name": "web", "ip": "10.0.0.10"},
                        {"mac": "52:54:00:00:00:11", "ip": "10.0.0.11", "lease": "infinite"},
                    ],
                },
            },
            {"address": "fd00::1/64"},
        ],
        "routes": [{"to": "10.9.0.0/16", "via": "10.0.0.2", "metric": 3}],
        "dnsmasq_options": ["cache-size=0", "dhcp-option=3"],
    }
    assert unmodelled(PRINTED) == ()


def edited(xml: str, **values: object) -> str:
    network, _ = codec.parse(xml)
    changed = Network.model_validate({**network.model_dump(exclude_defaults=True), **values})
    return codec.overlay(xml, changed, None)


def test_only_what_differs_is_written() -> None:
    result = edited(PRINTED, mtu=9000)
    before, after = (text.replace('"', "'").split("\n") for text in (PRINTED, result))
    added = [line for line in after if line not in before]
    assert added == ["</dnsmasq:options><mtu size='9000'/></network>"] or len(added) == 1
    assert "<![CDATA[a < b]]>" in result
    assert 'note="one&#10;two"' in result


def test_a_netmask_stays_a_netmask() -> None:
    result = edited(PRINTED, ips=[{"address": "10.0.0.1/25"}])
    assert '<ip address="10.0.0.1" netmask="255.255.255.128"' in result


def test_ordered_lists_are_put_in_order() -> None:
    result = edited(PRINTED, dnsmasq_options=["dhcp-option=3", "log-dhcp", "cache-size=0"])
    assert codec.parse(result)[0].dnsmasq_options == ("dhcp-option=3", "log-dhcp", "cache-size=0")


def test_forward_repeats_its_first_interface() -> None:
    result = edited(PRINTED, forward={"dev": "eth1"})
    assert '<forward dev="eth1" mode="nat">' in result
    assert '<interface dev="eth1"/>' in result
    assert "dev=" not in edited(PRINTED, forward={})


@pytest.mark.parametrize("mode", ["isolated", "very-isolated"])
def test_a_network_with_a_way_out_can_be_isolated(mode: str) -> None:
    xml = edited(PRINTED, mode=mode, forward={}, ips=[] if mode == "very-isolated" else [{"address": "10.0.0.1/24"}])
    assert "<forward" not in xml.replace("<forwarder", "")
    assert codec.parse(xml)[0].mode == mode


def test_an_element_that_has_become_empty_goes() -> None:
    result = edited(PRINTED, dns={}, domain=None, ips=[{"address": "10.0.0.1/24"}], dnsmasq_options=[])
    assert not any(tag in result for tag in ("<dns", "<domain", "<dhcp", "dnsmasq:options"))


@pytest.mark.parametrize(
    "inside",
    [
        "<forward mode='nat'/><forward mode='bridge'/>",
        "<domain name='a'/><domain name='b' x='y'/>",
        "<title>a</title><title>b</title>",
    ],
)
def test_what_stands_twice_goes_twice(inside: str) -> None:
    xml = f"<network><name>odd</name><mtu size='1400'/>{inside}</network>"
    assert (
        edited(xml, mode="very-isolated", domain=None, title=None)
        == '<network><name>odd</name><mtu size="1400"/></network>'
    )


def test_an_empty_text_is_none_as_it_is_for_libvirt() -> None:
    xml = "<network><name>odd</name><title x='y'>a</title><uuid/></network>"
    changed = edited(xml, title=None)
    assert changed == '<network><name>odd</name><title x="y"/><uuid/></network>'
    network, _ = codec.parse(changed)
    assert (network.title, network.uuid) == (None, None)


def test_an_element_with_something_unknown_in_it_stays() -> None:
    xml = "<network><dns strange='1'><host ip='10.0.0.1'><hostname>a</hostname></host><!-- mine --></dns></network>"
    assert edited(xml, dns={}) == '<network><dns strange="1"><!-- mine --></dns></network>'


def test_a_new_definition_is_indented_and_ends_its_line() -> None:
    network = Network.model_validate({"mode": "nat", "ips": [{"address": "10.0.0.1/24"}], "dnsmasq_options": ["a"]})
    assert codec.new("net", network, None) == (
        "<network>\n"
        "  <name>net</name>\n"
        '  <forward mode="nat"/>\n'
        '  <ip address="10.0.0.1" prefix="24"/>\n'
        '  <dnsmasq:options xmlns:dnsmasq="http://libvirt.org/schemas/network/dnsmasq/1.0">\n'
        '    <dnsmasq:option value="a"/>\n'
        "  </dnsmasq:options>\n"
        "</network>\n"
    )


@pytest.mark.parametrize(
    "xml",
    [
        "",
        "no xml",
        "<network>",
        "<network><name>a&b</name></network>",
        "<domain/>",
        "<network a='\x01'/>",
        "<network>\ud800</network>",
        "<n:network xmlns:n='urn:n'/>",
        f"<network>{'<a>' * 300}{'</a>' * 300}</network>",
        "<network><a\u202e></network>",
        "<?xml version='1.0' encoding='UTF-16'?><network/>",
    ],
)
def test_what_is_no_network_is_unreadable(xml: str) -> None:
    for use in (codec.parse, unmodelled):
        with pytest.raises(UnreadableXml) as caught:
            use(xml)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "declared",
    [
        "",
        " SYSTEM 'http://127.0.0.1:9/network.dtd'",
        " [<!ATTLIST network ipv6 CDATA 'yes'>]",
        " [<!ENTITY a SYSTEM 'file:///etc/passwd'>]",
        f" [<!ENTITY a '{'x' * 10_000}'>]",
    ],
)
def test_a_document_type_is_refused_before_it_means_anything(declared: str) -> None:
    """The old libxml2 of lxml 4.9 makes terabytes of `ipv6` when it is read, and libvirt prints no document type."""
    inside = f"ipv6='{'&a;' * 10_000}'" if "ENTITY a '" in declared else ""
    with pytest.raises(UnreadableXml):
        codec.parse(f"<?xml version='1.0'?><!DOCTYPE network{declared}><network {inside}/>")


@pytest.mark.parametrize(
    "inside",
    [
        *(
            "<ip/>",
            "<portgroup/>",
            "<route/>",
            "<vlan><tag/></vlan>",
            "<forward mode='nat'><interface/><address/></forward>",
            "<mtu/>",
        ),
        *("<dns><host/><txt/><srv/><forwarder/></dns>", "<ip address='1.1.1.1'><dhcp><host/><range/></dhcp></ip>"),
        *("<ip address='300.1.1.1' prefix='99'/>", "<mtu size='big'/>", "<uuid>none</uuid>", "<mac address='?'/>"),
        *(
            "<bridge stp='maybe' delay='-1'/>",
            "<ip/><ip/>",
            "<dns/><dns/>",
            "<forward mode='warp'/>",
            "<vlan><tag id='a'/></vlan>",
        ),
        *("<ip address='1.1.1.1'><dhcp><host mac='0' name='' ip='?' id='x'><lease expiry='-1'/></host></dhcp></ip>",),
    ],
)
def test_whatever_a_host_has_is_read_compared_and_overlaid(inside: str) -> None:
    xml = f"<network><name>odd</name>{inside}</network>"
    odd, _ = codec.parse(xml)
    plain = Network.model_validate(
        {"mode": "nat", "ips": [{"address": "10.0.0.1/24"}], "dns": {"txt": [{"name": "a", "value": "b"}]}}
    )
    assert codec.overlay(xml, odd, None) == xml
    assert changes(odd, plain)
    assert changes(plain, odd)
    assert codec.parse(codec.overlay(xml, plain, None))[0] == plain


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ("<name>a</name>", ()),
        ("<forward mode='nat'><interface dev='e' connections='1'/></forward>", ()),
        ("<new/>", ("/network/new",)),
        ("<mtu size='1' unit='k'/>", ("/network/mtu/@unit",)),
        ("<dns><host ip='1.1.1.1' ttl='1'/></dns>", ("/network/dns/host/@ttl",)),
        ("<dns/><dns/>", ("/network/dns",)),
        (
            "<ip address='1.1.1.1'><dhcp><range><lease expiry='1' unit='hours' grace='2'/></range></dhcp></ip>",
            ("/network/ip/dhcp/range/lease/@grace",),
        ),
        (
            "<forward mode='hostdev'><address type='pci' domain='0' bus='0' slot='1' multifunction='on'/></forward>",
            ("/network/forward/address/@multifunction",),
        ),
        (
            "<virtualport type='midonet'><parameters interfaceid='1' more='2'/></virtualport>",
            ("/network/virtualport/parameters/@more",),
        ),
        ("<bandwidth classID='1'><inbound average='1'/></bandwidth>", ("/network/bandwidth/@classID",)),
        ("<metadata><x xmlns='urn:x'/></metadata>", ()),
    ],
)
def test_what_no_key_stands_for_is_named(inside: str, told: tuple[str, ...]) -> None:
    assert unmodelled(f"<network>{inside}</network>") == told


def test_a_text_of_spaces_is_a_text() -> None:
    network = Network.model_validate({"mode": "very-isolated", "title": "  "})
    assert codec.parse(codec.new("net", network, None))[0].title == "  "


def test_twice_the_same_identity_are_two_items() -> None:
    network = Network.model_validate(
        {
            "mode": "nat",
            "dns": {"txt": [{"name": name, "value": value} for name, value in (("a", "1"), ("a", "2"), ("a#2", "3"))]},
        }
    )
    assert codec.parse(codec.new("net", network, None))[0] == network


def test_10_000_reservations_are_no_recursion_and_no_loss() -> None:
    hosts = [
        {"mac": f"52:54:00:00:{i >> 8:02x}:{i & 255:02x}", "ip": f"10.{i >> 8}.{i & 255}.1"} for i in range(10_000)
    ]
    network = Network.model_validate({"mode": "nat", "ips": [{"address": "10.0.0.1/8", "dhcp": {"hosts": hosts}}]})
    assert codec.parse(codec.new("net", network, None))[0] == network
