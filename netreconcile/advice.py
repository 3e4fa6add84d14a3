"""What to do about a connection that wasn't made: libvirt's error numbers, errno and words, and a sentence for each."""

from __future__ import annotations

import errno
import re
import shlex
from dataclasses import dataclass

NO_ANSWER, NO_CONNECT, INVALID_ARG, RPC, AUTH_FAILED = 0, 5, 8, 39, 45
"""Error codes of libvirt's virterror.h (virErrorNumber); the first, its "no error", is for a time limit of ours."""
FROM_URI, FROM_DBUS, FROM_POLKIT = 45, 47, 60
"""The parts of libvirt that an error comes from, in virterror.h (virErrorDomain)."""

_URI = re.compile(
    r"(?P<driver>[^+:/?]*)(?:\+(?P<transport>[^:/?]*))?"
    r"(?:://(?:(?P<user>[^@/?]*)@)?(?P<host>\[[^]]*\]|[^:/?]*)(?::(?P<port>\d+))?)?"
)
_QUOTED = re.compile(
    r"(?:Cannot recv data|End of file while reading data): (?P<said>.*)"
    r": (?:Connection reset by peer|Input/output error)",
    re.DOTALL,
)
"""What libvirt makes of the last words of an ssh that has ended."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no connection: libvirt's message, code and domain, and the errno, each -1 where there is none."""

    uri: str
    message: str
    code: int
    domain: int = -1
    number: int = -1

    @property
    def summary(self) -> str:
        """Return the message in one line: what ssh says, it says at the end."""
        quoted = _QUOTED.fullmatch(self.message)
        said = quoted["said"].strip() if quoted else ""
        return said.splitlines()[-1] if said else " ".join(self.message.split())


@dataclass(frozen=True, slots=True)
class Address:
    """Where a URI leads. The transport is `socket` where the URI names the daemon's socket itself."""

    driver: str
    transport: str
    host: str
    login: str
    """The arguments with which ssh goes there."""


def address(uri: str) -> Address:
    """Return where the URI leads, as far as it can be understood."""
    found = _URI.match(uri)
    parts = found.groupdict(default="") if found else dict.fromkeys(_URI.groupindex, "")
    host = parts["host"].strip("[]")
    transport = parts["transport"] or ("tls" if host else "unix")
    host = host or "localhost"
    if "socket=" in uri and transport == "unix":
        transport = "socket"
    port = f"-p {parts['port']} " if parts["port"] else ""
    login = f"{port}{parts['user']}@{host}" if parts["user"] else f"{port}{host}"
    return Address(parts["driver"], transport, host, login)


def explain(failure: Failure, *, readonly: bool) -> str:
    """Return what failed, what to do about it if that is known, and the virsh line that fails likewise."""
    by_hand = f"virsh{' --readonly' if readonly else ''} -c {shlex.quote(failure.uri)} net-list"
    lines = (
        f"can't reach libvirt at {failure.uri}: {failure.summary}",
        advice(failure),
        f"the same by hand: {by_hand}",
    )
    return "\n".join(line for line in lines if line)


def advice(failure: Failure) -> str:
    """Return what to do next; empty where there is nothing to add to what libvirt says."""
    at = address(failure.uri)
    return next((way.advice.format(at=at) for way in _WAYS if way.fits(at, failure)), "")


@dataclass(frozen=True, slots=True)
class _Way:
    """A way in which connections fail, known by everything that is given here.

    `over` are transports of the URI. `text` stands in the message: the daemon translates its messages, the binding
    doesn't.
    """

    advice: str
    over: tuple[str, ...] = ()
    code: int | None = None
    domain: int | None = None
    numbers: tuple[int, ...] = ()
    text: str = ""

    def fits(self, at: Address, failure: Failure) -> bool:
        """Return whether the failure is of this kind."""
        return (
            (not self.over or at.transport in self.over)
            and self.code in (None, failure.code)
            and self.domain in (None, failure.domain)
            and (not self.numbers or failure.number in self.numbers)
            and bool(re.search(self.text, failure.message))
        )


_SSH = ("ssh", "libssh", "libssh2")
_THERE = r"\b(virt-ssh-helper|nc[.\w]*):"
"""The programs that ssh starts on the other side, where their name begins a message."""
_LOCAL = ("unix", "socket")
_NOT_THERE = (errno.ENOENT, errno.ECONNREFUSED)
_NO_WAY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ETIMEDOUT)
_GROUP = "become a member of libvirt's group: `sudo usermod -aG libvirt USER`, then log in anew"
_START = (
    "`systemctl start libvirtd.socket`, or where libvirt is modular "
    "`systemctl start virtqemud.socket virtnetworkd.socket`"
)
_URIS = (
    "a URI looks like qemu:///system, network:///system or qemu+ssh://user@host/system (https://libvirt.org/uri.html)"
)
_ROUTE = "no way leads to {at.host}: check its address, and routes and firewalls on the way there"
_LONGER = "; --timeout waits longer"
_WAYS = (
    _Way(
        f"the daemon hangs, or is still starting its networks: `systemctl status libvirtd` and its log tell{_LONGER}",
        _LOCAL,
        code=NO_ANSWER,
    ),
    _Way(
        f"does `ssh {{at.login}} true` ask for anything? If not, the daemon there hangs, or nobody hears us{_LONGER}",
        _SSH,
        code=NO_ANSWER,
    ),
    _Way(f"the daemon there hangs, or a firewall swallows what is sent to {{at.host}}{_LONGER}", code=NO_ANSWER),
    _Way("install ssh: `apt install openssh-client`", _SSH, text="Cannot find 'ssh' in path"),
    _Way(
        "{at.host} has another SSH key than before; if you know why, `ssh-keygen -R {at.host}`, then `ssh {at.login}`",
        _SSH,
        text="IDENTIFICATION HAS CHANGED",
    ),
    _Way(
        "the SSH key of {at.host} isn't known here yet: log in once with `ssh {at.login}` and confirm it",
        _SSH,
        text="Host key verification failed",
    ),
    _Way(
        "make `ssh {at.login} true` work without a question: put your key there with `ssh-copy-id {at.login}`, or name "
        "another key with keyfile= in the URI",
        _SSH,
        text=r"Permission denied \(",
    ),
    _Way(
        "start the SSH server on {at.host}, or correct the port: `ssh {at.login} true`",
        _SSH,
        text=r"port \d+: Connection refused|unable to connect",
    ),
    _Way(
        "install libvirt on {at.host}: its virt-ssh-helper, or else a netcat (`nc`), is what ssh starts there",
        _SSH,
        text="not found$|not found: Input/output error",
    ),
    _Way(
        "nothing may write to standard output when `ssh {at.login} true` logs in: look at the .bashrc there",
        _SSH,
        code=RPC,
    ),
    _Way(f"on {{at.host}}, log in as root, or {_GROUP}", _SSH, text=rf"{_THERE}.*Permission denied"),
    _Way(
        f"no daemon listens on {{at.host}}: there, {_START}", _SSH, text=rf"{_THERE}.*(No such file|Connection refused)"
    ),
    _Way(
        "{at.host} isn't known: check how it is spelt, /etc/hosts and DNS (`getent hosts {at.host}`)",
        text="[Uu]nable to resolve|[Nn]ot resolve",
    ),
    _Way(_ROUTE, numbers=_NO_WAY),
    _Way(_ROUTE, _SSH, text="Network is unreachable|No route to host|Connection timed out"),
    _Way(
        "nothing listens on {at.host}: there, `systemctl start libvirtd-{at.transport}.socket` (modular: "
        "virtproxyd-{at.transport}.socket); qemu+ssh:// needs no such thing",
        ("tcp", "tls"),
        numbers=(errno.ECONNREFUSED,),
    ),
    _Way(
        "TLS needs a CA certificate, a client certificate and its key on this machine, there or where pkipath= in the "
        "URI says (https://libvirt.org/kbase/tlscerts.html); qemu+ssh:// needs none",
        ("tls",),
        numbers=(errno.ENOENT, errno.EACCES),
    ),
    _Way(
        "{at.host} doesn't accept this machine's client certificate: the CA that {at.host} trusts must have signed it",
        ("tls",),
        text="TLS confirmation",
    ),
    _Way(
        "the certificate of {at.host} isn't good: this machine's CA must have signed it, it must name {at.host} and be "
        "neither too old nor too new (`virt-pki-validate`); what listens there must speak TLS",
        ("tls",),
        code=AUTH_FAILED,
    ),
    _Way(f"run this with sudo, or {_GROUP}", _LOCAL, numbers=(errno.EACCES,), text="connect socket"),
    _Way(f"polkit doesn't let this user in: use root, or {_GROUP}", domain=FROM_POLKIT),
    _Way(f"polkit isn't running: use root, or {_GROUP}", domain=FROM_DBUS),
    _Way(
        "no daemon listens at this socket: is what it belongs to running, and is the path right?",
        ("socket",),
        numbers=_NOT_THERE,
    ),
    _Way(
        f"no daemon listens: {_START} (on Debian in the package libvirt-daemon-system)",
        ("unix",),
        numbers=_NOT_THERE,
        text="connect socket",
    ),
    _Way(
        "libvirt looks for user and password in ~/.config/libvirt/auth.conf "
        "(https://libvirt.org/auth.html#client-configuration)",
        code=AUTH_FAILED,
    ),
    _Way(_URIS, code=NO_CONNECT, text="does not include a driver name"),
    _Way(
        "libvirt there has no driver `{at.driver}`: check how it is spelt, and whether it is installed; "
        "network:///system has the networks without the guests",
        code=NO_CONNECT,
    ),
    _Way(_URIS, code=INVALID_ARG),
    _Way(_URIS, domain=FROM_URI),
)
"""The first that fits is it. docs/libvirt.md has what was seen of them, on libvirt 9.0."""
