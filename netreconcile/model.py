"""The one list of fields: what a topology says about a network, where libvirt keeps it, and what changing it costs.

The docstring below a field is its user documentation; `reference` turns it into the JSON Schema and the reference page.
Values of the topology are validated when they are built; values read from a host are built without validation, so
that a host is never refused for what it has. `None` always means "not there".
"""

# Without `annotations` from __future__, which would leave some 150 texts for pydantic to compile at each start.

import warnings
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictInt, StrictStr, model_validator

from netreconcile import spelling
from netreconcile.binding import Canonical, Chosen, ConfigOnly, Live, Outside, Section, ShortFor, Since, Xml
from netreconcile.notation import CIDR, LEASE, MODE, PCI, SPAN

_YES_NO = {"yes": True, "no": False, "on": True, "off": False}
_FIREWALL_AND_RELOAD = "firewall rules re-created, dnsmasq reloaded"
_FIREWALL_AND_RESTART = "firewall rules re-created, dnsmasq restarted"


def _yes_no(value: object) -> bool:
    """Return the truth value; the words of libvirt's XML count, which YAML 1.2 reads as text."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in _YES_NO:
        return _YES_NO[value]
    msg = f"must be true or false, not {value!r}"
    raise ValueError(msg)


def _no_truth(value: object) -> object:
    """Return the value; Python takes true for 1, a file doesn't."""
    if isinstance(value, bool):
        msg = f"must be a number, not {value!r}"
        raise ValueError(msg)  # noqa: TRY004 -- pydantic turns only ValueError into a finding
    return value


def _none_if_zero(value: object) -> object:
    """Return None for 0 where 0 is libvirt's default, which it doesn't print."""
    return None if type(value) is int and value == 0 else value


Text = Annotated[StrictStr, Canonical(spelling.plain)]
Block = Annotated[StrictStr, Canonical(spelling.block)]
NonEmpty = Annotated[StrictStr, Field(min_length=1), Canonical(spelling.plain)]
Unescaped = Annotated[StrictStr, Canonical(spelling.unescaped)]
UnescapedNonEmpty = Annotated[StrictStr, Field(min_length=1), Canonical(spelling.unescaped)]
YesNo = Annotated[bool, BeforeValidator(_yes_no)]
IpAddress = Annotated[StrictStr, Canonical(spelling.ip_address)]
IpWithPrefix = Annotated[StrictStr, Canonical(spelling.cidr)]
Subnet = Annotated[StrictStr, Canonical(spelling.subnet)]
Mac = Annotated[StrictStr, Canonical(spelling.unicast_mac)]
Duid = Annotated[StrictStr, Canonical(spelling.duid)]
Uuid = Annotated[StrictStr, Canonical(spelling.uuid)]
LeaseTime = Annotated[StrictStr, Canonical(spelling.lease)]
AddressSpan = Annotated[StrictStr, Canonical(spelling.address_span)]
PortSpan = Annotated[StrictStr, Canonical(spelling.port_span)]
PciAddress = Annotated[StrictStr, Canonical(spelling.pci_address)]
Port = Annotated[StrictInt, Field(ge=1, le=65535)]
Rate = Annotated[StrictInt, Field(ge=1, le=2**32 - 1)]
Id = Annotated[StrictInt, Field(ge=0, le=2**32 - 1)]
Byte = Annotated[StrictInt, Field(ge=0, le=255)]
FormatVersion = Annotated[Literal[1], BeforeValidator(_no_truth)]
Share = Annotated[Annotated[StrictInt, Field(ge=0, le=65535)] | None, BeforeValidator(_none_if_zero)]

ModeName = Literal[
    "nat", "route", "open", "isolated", "very-isolated", "bridge", "private", "vepa", "passthrough", "hostdev"
]
OWN_BRIDGE_MODES = ("nat", "route", "open", "isolated", "very-isolated")
"""The modes in which libvirt makes the bridge itself; only there it chooses bridge name, STP, delay and MAC."""


class Element(BaseModel):
    """A part of a topology: frozen, strict about unknown keys; a null is the same as a key left out.

    A scalar stands for a mapping with the one key `short`; a short with a hyphen splits the scalar at its hyphen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", revalidate_instances="never")
    short: ClassVar[str] = ""

    @model_validator(mode="before")
    @classmethod
    def _expand(cls, data: Any) -> Any:
        data = cls.expanded(data)
        if not isinstance(data, dict):
            return data
        data = {key: value for key, value in data.items() if value is not None}
        for name, field in cls.model_fields.items():
            target = next((item.field for item in field.metadata if isinstance(item, ShortFor)), None)
            if target and name in data:
                if target in data:
                    msg = f"{name} is short for {target} with one item: give one of the two"
                    raise ValueError(msg)
                data[target] = [data.pop(name)]
        return data

    @classmethod
    def expanded(cls, data: object) -> object:
        """Return the mapping that a scalar stands for; anything else as it is."""
        if not cls.short or data is None or isinstance(data, (dict, list, tuple, Element)):
            return data
        first, hyphen, second = cls.short.partition("-")
        if not hyphen:
            return {first: data}
        start, between, end = str(data).partition("-")
        return {first: start.strip(), second: end.strip() if between else start.strip()}

    @property
    def identity(self) -> str:
        """Return what tells this item from the others of its list."""
        raise AssertionError(type(self).__name__)


class Bridge(Element):
    """The Linux bridge behind the network."""

    short: ClassVar[str] = "name"

    name: Annotated[NonEmpty | None, Xml("@name"), Chosen(own_bridge=True)] = Field(default=None, examples=["virbr0"])
    """The bridge device, at most 15 bytes. Left out, libvirt takes the first free `virbrN` and it stays. In mode
    `bridge` it names a bridge that the host already has."""
    stp: Annotated[YesNo | None, Xml("@stp", words=("on", "off")), Chosen(own_bridge=True)] = None
    """Spanning tree protocol. libvirt's default is on, which makes each new port wait about 4 seconds."""
    delay: Annotated[Id | None, Xml("@delay"), Chosen(own_bridge=True)] = None
    """Forward delay in seconds; libvirt's default is 0."""
    zone: Annotated[NonEmpty | None, Xml("@zone")] = Field(default=None, examples=["trusted"])
    """firewalld zone of the bridge; needs a running firewalld, or the network doesn't start."""
    mac_table_manager: Annotated[Literal["kernel", "libvirt"] | None, Xml("@macTableManager")] = None
    """Who fills the bridge's MAC table. `libvirt` turns learning and flooding off."""


class Nat(Element):
    """How addresses are translated in mode `nat`."""

    addresses: Annotated[AddressSpan | None, Xml("address", SPAN)] = Field(
        default=None, examples=["203.0.113.10-203.0.113.20"]
    )
    """The public IPv4 addresses to use, `first-last`. Left out: the address of the outgoing interface."""
    ports: Annotated[PortSpan, Xml("port", SPAN)] = Field(default="1024-65535", examples=["5000-5999"])
    """The ports to use, `first-last`; libvirt writes its default into the running definition."""
    ipv6: Annotated[YesNo, Xml("@ipv6")] = False
    """Translate IPv6 too. Without it IPv6 of a `nat` network is routed, and open from outside."""


class HostdevDriver(Element):
    """The driver that hands the functions of a `hostdev` network to guests."""

    short: ClassVar[str] = "name"

    name: Annotated[Literal["kvm", "vfio"] | None, Xml("@name")] = None
    """The kind of assignment; `vfio` is what current kernels have."""
    model: Annotated[NonEmpty | None, Xml("@model"), Since((10, 0, 0))] = Field(
        default=None, examples=["mlx5_vfio_pci"]
    )
    """A VFIO variant driver's kernel module."""


class Forward(Element):
    """How traffic leaves the network; the mode itself is the network's `mode`."""

    dev: Annotated[Text | None, ShortFor("interfaces")] = Field(default=None, examples=["eth0"])
    """The only host interface that traffic may leave through: short for `interfaces` with one item."""
    interfaces: Annotated[
        tuple[Text, ...],
        Xml("interface/@dev", first="dev"),
        Live(Section.FORWARD_INTERFACE, "firewall rules re-created"),
    ] = Field(default=(), examples=[["eth1", "eth2"]])
    """Host interfaces: one at most for `nat` and `route`; the pool that guests are spread over for `bridge`, `private`,
    `vepa` and `passthrough`."""
    nat: Annotated[Nat, Xml("nat")] = Nat()
    """Address translation."""
    pf: Annotated[Text | None, Xml("pf/@dev")] = Field(default=None, examples=["eth3"])
    """The SR-IOV physical function whose virtual functions make the pool."""
    addresses: Annotated[tuple[PciAddress, ...], Xml("address", PCI)] = Field(default=(), examples=[["0000:03:10.0"]])
    """PCI addresses of the virtual functions that make the pool."""
    managed: Annotated[YesNo, Xml("@managed")] = False
    """Detach the functions from their host driver when a guest takes them."""
    driver: Annotated[HostdevDriver, Xml("driver")] = HostdevDriver()
    """The assignment driver, for `hostdev`; a text is its `name`."""


class VirtualPort(Element):
    """The switch that guests' interfaces are registered with."""

    short: ClassVar[str] = "type"

    type: Annotated[Literal["openvswitch", "802.1Qbg", "802.1Qbh", "midonet"] | None, Xml("@type")] = None
    """The kind of switch."""
    managerid: Annotated[Byte | None, Xml("parameters/@managerid")] = None
    """VSI manager, 0 to 255 (802.1Qbg)."""
    typeid: Annotated[StrictInt | None, Field(ge=0, le=2**24 - 1), Xml("parameters/@typeid")] = None
    """VSI type, 0 to 16777215 (802.1Qbg)."""
    typeidversion: Annotated[Byte | None, Xml("parameters/@typeidversion")] = None
    """Version of the VSI type, 0 to 255 (802.1Qbg)."""
    instanceid: Annotated[Uuid | None, Xml("parameters/@instanceid")] = Field(
        default=None, examples=["09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"]
    )
    """VSI instance (802.1Qbg)."""
    profileid: Annotated[UnescapedNonEmpty | None, Xml("parameters/@profileid")] = Field(
        default=None, examples=["storage"]
    )
    """Port profile, at most 39 bytes (802.1Qbh, openvswitch)."""
    interfaceid: Annotated[Uuid | None, Xml("parameters/@interfaceid")] = Field(
        default=None, examples=["09b11c53-8b5c-4eeb-8f00-d84eaa0aaa4f"]
    )
    """Interface (openvswitch, midonet)."""


class Rates(Element):
    """Limits for one direction."""

    average: Annotated[Rate | None, Xml("@average")] = None
    """Long-term rate, kilobytes per second."""
    peak: Annotated[Rate | None, Xml("@peak")] = None
    """Rate at which a burst may be sent, kilobytes per second."""
    burst: Annotated[Rate | None, Xml("@burst")] = None
    """Size of a burst at peak rate, kibibytes."""
    floor: Annotated[Rate | None, Xml("@floor")] = None
    """Rate guaranteed to a guest's interface, kilobytes per second. It stands in libvirt's schema of networks, but no
    release so far accepts it there: set it on the domain's interface."""


class Bandwidth(Element):
    """Traffic limits, seen from the guests: inbound is what they receive."""

    inbound: Annotated[Rates, Xml("inbound")] = Rates()
    """Traffic to the guests."""
    outbound: Annotated[Rates, Xml("outbound")] = Rates()
    """Traffic from the guests."""


class VlanTag(Element):
    """One VLAN."""

    short: ClassVar[str] = "id"

    id: Annotated[StrictInt, Field(ge=0, le=4095), Xml("@id")]
    """The VLAN's number."""
    native_mode: Annotated[Literal["tagged", "untagged"] | None, Xml("@nativeMode")] = None
    """Makes this the native VLAN of a trunk."""

    @property
    def identity(self) -> str:
        """Return the number."""
        return str(self.id)


class Vlan(Element):
    """VLANs of the guests' interfaces; needs a switch that knows VLANs (Open vSwitch, SR-IOV)."""

    trunk: Annotated[YesNo, Xml("@trunk")] = False
    """Carry several VLANs; implied by more than one tag."""
    tags: Annotated[tuple[VlanTag, ...], Xml("tag")] = Field(default=(), examples=[[42, 47]])
    """The VLANs; a number is short for `{id: …}`."""

    @model_validator(mode="before")
    @classmethod
    def _imply_trunk(cls, data: Any) -> Any:
        """Make a trunk of several VLANs, as libvirt does (virNetDevVlanParse in netdev_vlan_conf.c)."""
        said: dict[str, Any] = data if isinstance(data, dict) else {}
        tags: Any = said.get("tags")
        if not isinstance(tags, (list, tuple)) or len(tags) <= 1:
            return data
        trunk = said.get("trunk")
        if trunk is not None and not _yes_no(trunk):
            msg = f"{len(tags)} VLANs make a trunk: leave trunk out, or give one VLAN"
            raise ValueError(msg)
        return {**said, "trunk": True} if trunk is None else data


class PortGroup(Element):
    """A named set of settings that a guest's interface can choose."""

    name: Annotated[UnescapedNonEmpty, Xml("@name")] = Field(examples=["storage"])
    """The name that domains refer to."""
    default: Annotated[YesNo, Xml("@default")] = False
    """Taken by interfaces that name no portgroup; at most one of the network."""
    trust_guest_rx_filters: Annotated[YesNo | None, Xml("@trustGuestRxFilters")] = None
    """Let guests change MAC address and receive filters."""
    virtualport: Annotated[VirtualPort, Xml("virtualport")] = VirtualPort()
    """Registration with a switch; a text is its `type`."""
    bandwidth: Annotated[Bandwidth, Xml("bandwidth")] = Bandwidth()
    """Limits for each interface of the group."""
    vlan: Annotated[Vlan, Xml("vlan")] = Vlan()
    """VLANs of the group."""

    @property
    def identity(self) -> str:
        """Return the name."""
        return self.name


with warnings.catch_warnings():
    # `register` is libvirt's own word; pydantic warns because every abstract class has a method of that name.
    warnings.simplefilter("ignore", UserWarning)

    class Domain(Element):
        """The DNS domain of the network."""

        short: ClassVar[str] = "name"

        name: Annotated[Unescaped | None, Xml("@name")] = Field(default=None, examples=["lab.example"])
        """Handed out by DHCP and appended to the names of guests."""
        local_only: Annotated[YesNo, Xml("@localOnly")] = False
        """Never ask the host's resolvers about names of this domain."""
        register: Annotated[YesNo, Xml("@register"), Since((10, 1, 0))] = False
        """Register the network's resolver with systemd-resolved for this domain; without that, it doesn't start."""


class Forwarder(Element):
    """A resolver that questions are sent to."""

    short: ClassVar[str] = "addr"

    addr: Annotated[IpAddress | None, Xml("@addr")] = Field(default=None, examples=["192.0.2.53"])
    """The resolver; left out: the host's own resolvers, for `domain`."""
    port: Annotated[Port | None, Xml("@port"), Since((12, 0, 0))] = None
    """The resolver's port, 53 if left out."""
    domain: Annotated[Text | None, Xml("@domain")] = Field(default=None, examples=["corp.example"])
    """Only questions about this domain."""

    @property
    def identity(self) -> str:
        """Return domain and resolver."""
        return "@".join(str(part) for part in (self.domain, self.addr, self.port) if part is not None)


class DnsHost(Element):
    """Names for one address."""

    ip: Annotated[IpAddress, Xml("@ip")] = Field(examples=["192.168.122.10"])
    """The address that the names resolve to."""
    hostnames: Annotated[tuple[NonEmpty, ...], Xml("hostname", ordered=True)] = Field(
        default=(), examples=[["web", "web.lab"]]
    )
    """The names; the first one is the answer to a reverse lookup."""

    @property
    def identity(self) -> str:
        """Return the address."""
        return self.ip


class DnsTxt(Element):
    """A TXT record."""

    name: Annotated[Text, Xml("@name")] = Field(examples=["_owner.lab"])
    """The record's name."""
    value: Annotated[Text | None, Xml("@value")] = Field(default=None, examples=["netops@example.com"])
    """The record's text."""

    @property
    def identity(self) -> str:
        """Return the name."""
        return self.name


class DnsSrv(Element):
    """An SRV record."""

    service: Annotated[Text, Xml("@service")] = Field(examples=["ldap"])
    """The service, without the underscore."""
    protocol: Annotated[Text, Xml("@protocol")] = Field(examples=["tcp"])
    """The protocol, `tcp` or `udp`."""
    domain: Annotated[Text | None, Xml("@domain")] = Field(default=None, examples=["lab.example"])
    """The domain the record stands in; the network's own if left out."""
    target: Annotated[Text | None, Xml("@target")] = Field(default=None, examples=["ldap1.lab.example"])
    """The host that offers the service; left out: nobody does."""
    port: Annotated[Port | None, Xml("@port")] = None
    """The service's port on the target."""
    priority: Annotated[Share, Xml("@priority")] = None
    """Lower is asked first."""
    weight: Annotated[Share, Xml("@weight")] = None
    """Share among targets of equal priority."""

    @property
    def identity(self) -> str:
        """Return what libvirt compares when it adds or deletes a record (virNetworkDefUpdateDNSSrv)."""
        return f"_{self.service}._{self.protocol}.{self.domain or ''}→{self.target or ''}"


class Dns(Element):
    """The network's DNS server, a dnsmasq on the host's address."""

    enable: Annotated[YesNo, Xml("@enable")] = True
    """Run it at all."""
    forward_plain_names: Annotated[YesNo, Xml("@forwardPlainNames")] = True
    """Pass names without a dot to the host's resolvers."""
    forwarders: Annotated[tuple[Forwarder, ...], Xml("forwarder", ordered=True)] = Field(
        default=(), examples=[["192.0.2.53"]]
    )
    """Resolvers to use instead of the host's, asked in this order; an address is short for `{addr: …}`."""
    hosts: Annotated[tuple[DnsHost, ...], Xml("host"), Live(Section.DNS_HOST, "dnsmasq reloaded")] = ()
    """Names of hosts."""
    txt: Annotated[tuple[DnsTxt, ...], Xml("txt"), Live(Section.DNS_TXT, "dnsmasq restarted")] = ()
    """TXT records."""
    srv: Annotated[tuple[DnsSrv, ...], Xml("srv"), Live(Section.DNS_SRV, "dnsmasq restarted")] = ()
    """SRV records."""


class Tftp(Element):
    """A TFTP server on the host's address."""

    short: ClassVar[str] = "root"

    root: Annotated[NonEmpty | None, Xml("@root")] = Field(default=None, examples=["/srv/tftp"])
    """The folder served; it must exist, or the network doesn't start. Adding one needs the permission of the host's
    operator (`--allow-tftp-root`, or the operator's policy): guests can read what is in it."""


class DhcpRange(Element):
    """Addresses handed out to anyone who asks."""

    short: ClassVar[str] = "start-end"

    start: Annotated[IpAddress, Xml("@start")] = Field(examples=["192.168.122.2"])
    """The first address."""
    end: Annotated[IpAddress, Xml("@end")] = Field(examples=["192.168.122.254"])
    """The last address."""
    lease: Annotated[LeaseTime | None, Xml("lease", LEASE)] = Field(default=None, examples=["12h"])
    """How long an address is lent: `90s`, `45m`, `12h` or `infinite`; dnsmasq's default is one hour."""

    @property
    def identity(self) -> str:
        """Return both ends."""
        return f"{self.start}-{self.end}"


class DhcpHost(Element):
    """An address reserved for one client."""

    mac: Annotated[Mac | None, Xml("@mac")] = Field(default=None, examples=["52:54:00:00:00:10"])
    """The client's MAC address (IPv4)."""
    id: Annotated[Duid | None, Xml("@id")] = Field(default=None, examples=["00:03:00:01:52:54:00:00:00:10"])
    """The client's DUID (IPv6)."""
    name: Annotated[Unescaped | None, Xml("@name")] = Field(default=None, examples=["web"])
    """The client's host name."""
    ip: Annotated[IpAddress, Xml("@ip")] = Field(examples=["192.168.122.10"])
    """The reserved address."""
    lease: Annotated[LeaseTime | None, Xml("lease", LEASE)] = Field(default=None, examples=["1h"])
    """How long the address is lent, as for ranges."""

    @property
    def identity(self) -> str:
        """Return MAC or DUID, else the name, else the address."""
        return self.mac or self.id or self.name or self.ip


class Bootp(Element):
    """What DHCP tells clients that boot from the network."""

    short: ClassVar[str] = "file"

    file: Annotated[Text | None, Xml("@file")] = Field(default=None, examples=["pxelinux.0"])
    """The file to boot: a path on the TFTP server, or a URL."""
    server: Annotated[IpAddress | None, Xml("@server")] = Field(default=None, examples=["192.168.122.1"])
    """The address of the TFTP server that has it; the host itself if left out."""


class Dhcp(Element):
    """The DHCP server of one subnet; without ranges and hosts there is none."""

    ranges: Annotated[tuple[DhcpRange, ...], Xml("range"), Live(Section.IP_DHCP_RANGE, _FIREWALL_AND_RESTART)] = Field(
        default=(), examples=[["192.168.122.2-192.168.122.254"]]
    )
    """Addresses to hand out; a text is `first-last`."""
    hosts: Annotated[
        tuple[DhcpHost, ...], Xml("host"), Live(Section.IP_DHCP_HOST, _FIREWALL_AND_RELOAD, modify=True)
    ] = ()
    """Reservations."""
    bootp: Annotated[Bootp, Xml("bootp")] = Bootp()
    """Network boot (IPv4); a text is the `file`."""


class Ip(Element):
    """One address of the host on the bridge, and what the host serves there."""

    address: Annotated[IpWithPrefix, Xml(".", CIDR)] = Field(examples=["192.168.122.1/24"])
    """The host's address with the subnet's prefix length."""
    local_ptr: Annotated[YesNo, Xml("@localPtr")] = False
    """Never ask the host's resolvers for reverse lookups of this subnet; the prefix must end at a byte (IPv4) or
    a hex digit (IPv6)."""
    tftp: Annotated[Tftp, Xml("tftp")] = Tftp()
    """TFTP server; a text is its `root`."""
    dhcp: Annotated[Dhcp, Xml("dhcp")] = Dhcp()
    """DHCP server; one subnet of each IP version may have one."""

    @property
    def identity(self) -> str:
        """Return the address without its prefix length."""
        return (self.address or "").partition("/")[0]  # a host's may lack it


class Route(Element):
    """A static route of the host into the network."""

    to: Annotated[Subnet, Xml(".", CIDR)] = Field(examples=["10.64.0.0/12"])
    """The destination."""
    via: Annotated[IpAddress, Xml("@gateway")] = Field(examples=["192.168.122.2"])
    """The guest that routes there; in one of the network's subnets."""
    metric: Annotated[Rate | None, Xml("@metric")] = None
    """Lower is preferred."""

    @property
    def identity(self) -> str:
        """Return destination and gateway."""
        return f"{self.to} via {self.via}"


class PortOptions(Element):
    """Settings of the guests' bridge ports."""

    isolated: Annotated[YesNo, Xml("@isolated")] = False
    """Keep guests of this network from talking to each other."""


class Network(Element):
    """A virtual network of a libvirt host."""

    mode: Annotated[ModeName, Xml(".", MODE)] = Field(examples=["nat"])
    """The kind of network: `nat`, `route` and `open` reach the outside through the host; `isolated` has an address on
    the host and no way out; `very-isolated` is a wire between guests; `bridge` puts guests on the host's LAN, through
    a host bridge or, with `forward.interfaces`, macvtap; `private`, `vepa` and `passthrough` are macvtap variants;
    `hostdev` hands out SR-IOV functions."""
    state: Annotated[Literal["active", "inactive", "absent"], Outside()] = "active"
    """Whether the network runs, is only defined, or must not exist. A change starts, stops or removes it."""
    autostart: Annotated[YesNo, Outside()] = True
    """Start the network when the host boots. A change touches nothing that runs."""
    protect: Annotated[YesNo, Outside()] = False
    """Refuse, without exception, to stop this network, to restart it while guests are connected, or to remove it. A
    change touches nothing that runs."""
    uuid: Annotated[Uuid | None, Xml("uuid"), Chosen()] = Field(
        default=None, examples=["7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10"]
    )
    """The network's identity. Left out, libvirt makes one and it stays."""
    title: Annotated[NonEmpty | None, Xml("title"), Since((9, 7, 0)), ConfigOnly()] = Field(
        default=None, examples=["Home lab"]
    )
    """A short title for people."""
    description: Annotated[Block | None, Field(min_length=1), Xml("description"), Since((9, 7, 0)), ConfigOnly()] = (
        Field(default=None, examples=["Guests of the home lab, run by netops"])
    )
    """A longer text for people."""
    mac: Annotated[Mac | None, Xml("mac/@address"), Chosen(own_bridge=True)] = Field(
        default=None, examples=["52:54:00:0a:0b:0c"]
    )
    """The bridge's MAC address. Left out, libvirt makes one and it stays."""
    mtu: Annotated[StrictInt | None, Field(ge=1, le=65535), Xml("mtu/@size")] = Field(default=None, examples=[9000])
    """The bridge's MTU in bytes; guests that are plugged in before a change keep the old one."""
    ipv6: Annotated[YesNo, Xml("@ipv6")] = False
    """Let guests talk IPv6 to each other on a network without an IPv6 address."""
    trust_guest_rx_filters: Annotated[YesNo | None, Xml("@trustGuestRxFilters")] = None
    """Let guests change MAC address and receive filters."""
    bridge: Annotated[Bridge, Xml("bridge")] = Bridge()
    """The bridge; a text is its `name`."""
    forward: Annotated[Forward, Xml("forward")] = Forward()
    """The way out."""
    virtualport: Annotated[VirtualPort, Xml("virtualport")] = VirtualPort()
    """Registration of guests' interfaces with a switch; a text is its `type`."""
    portgroups: Annotated[tuple[PortGroup, ...], Xml("portgroup"), Live(Section.PORTGROUP, "", modify=True)] = ()
    """Named sets of settings; guests that are plugged in keep what they have until they are plugged in again."""
    domain: Annotated[Domain, Xml("domain")] = Domain()
    """The DNS domain; a text is its `name`."""
    dns: Annotated[Dns, Xml("dns")] = Dns()
    """The DNS server."""
    bandwidth: Annotated[Bandwidth, Xml("bandwidth")] = Bandwidth()
    """Limits for the network as a whole."""
    vlan: Annotated[Vlan, Xml("vlan")] = Vlan()
    """VLANs of all guests."""
    port: Annotated[PortOptions, Xml("port")] = PortOptions()
    """Settings of the guests' bridge ports."""
    ips: Annotated[tuple[Ip, ...], Xml("ip")] = ()
    """The host's addresses."""
    routes: Annotated[tuple[Route, ...], Xml("route")] = ()
    """Static routes of the host into the network."""
    dnsmasq_options: Annotated[tuple[Text, ...], Xml("dnsmasq:options/dnsmasq:option/@value", ordered=True)] = Field(
        default=(), examples=[["cache-size=0"]]
    )
    """Lines for dnsmasq's configuration, in this order; dnsmasq refuses to start on a bad one. Adding one needs the
    permission of the host's operator (`--allow-dnsmasq-options`, or the operator's policy): some make dnsmasq run a
    program as root."""

    @property
    def own_bridge(self) -> bool:
        """Return whether libvirt makes and removes the bridge itself."""
        return self.mode in OWN_BRIDGE_MODES

    @property
    def serves_dhcp(self) -> bool:
        """Return whether a DHCP server of the host's runs on the network."""
        return any(ip.dhcp.ranges or ip.dhcp.hosts for ip in self.ips)

    @property
    def pool(self) -> bool:
        """Return whether guests share host devices of which libvirt counts the users."""
        return not self.own_bridge and not (self.mode == "bridge" and self.bridge.name)


class Accepted(Element):
    """A finding below libvirt that is wanted as it is, and why; only this one, and no other of its kind."""

    network: NonEmpty
    """The network's name."""
    finding: Literal["subnet-collides", "no-uplink", "firewall.others"]
    """The finding's code."""
    subject: Text = Field(default="", examples=["10.8.0.0/24 on tun0"])
    """What the finding names after its code, word for word; left out: nothing."""
    reason: NonEmpty
    """Why, for those who read the file, and `drift -v`."""


class Policy(Element):
    """Standing rules for every plan of the topology; what breaks one is held back, or refused, and said."""

    max_impact: Literal["none", "live", "restart", "remove"] | None = None
    """The worst that a plan may do to a network; networks that need worse are held back. `--max-impact` can only
    lower it."""
    max_removed: Id | None = None
    """So many networks may be removed in one plan; with more, none is."""
    max_restarted_guests: Id | None = None
    """So many guests may be cut off by restarts in one plan; with more, none of these networks is restarted."""
    protected_networks: tuple[NonEmpty, ...] = Field(default=(), examples=[["default", "prod-*"]])
    """Names, or patterns with `*`, of networks that are never stopped or removed, and never restarted while guests
    are connected."""
    allowed_subnets: tuple[Subnet, ...] = Field(default=(), examples=[["10.0.0.0/8", "fd00::/8"]])
    """The only subnets that addresses of networks may be in; left out: any."""
    repair: YesNo = False
    """Whether `apply` also mends what is wrong below libvirt (bridges, addresses, dnsmasq, firewall rules), as `repair`
    does, where it runs on the host as root; no guest loses its link by that. `plan` shows it."""
    accept: tuple[Accepted, ...] = ()
    """Findings below libvirt that are wanted as they are: they are told only with `-v`, and count nowhere."""


class Topology(Element):
    """What the files say: the networks that a host must have, under one owner's name."""

    version: FormatVersion
    """Version of this file format."""
    name: Annotated[Text, Field(min_length=1, max_length=128, examples=["home-lab"])]
    """The owner mark that every network of this topology carries on the host."""
    policy: Policy = Policy()
    """Standing rules for what a plan may do."""
    networks: dict[Text, Network] = Field(default_factory=dict)
    """The networks by libvirt's name for them."""
