"""A proxy between libvirt's clients and its daemon that lets a chosen call go wrong.

Only this module knows the wire: messages with their length in front (libvirt's src/rpc/virnetprotocol.x), and the
numbers of procedures (src/remote/remote_protocol.x), which never change.
"""

from __future__ import annotations

import socket
import struct
import tempfile
import threading
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum, StrEnum, auto
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HEADER = struct.Struct("!7I")
REMOTE = 0x20008086
CALL, REPLY, CALL_WITH_FDS, REPLY_WITH_FDS = 0, 1, 4, 5
"""Types of messages; events and keepalives (virkeepalive.c) are of none of these."""
FAILED = 1
INTERNAL_ERROR, FROM_NETWORK, LEVEL_ERROR = 1, 19, 2
"""VIR_ERR_INTERNAL_ERROR, VIR_FROM_NETWORK and VIR_ERR_ERROR of virterror.h."""
INJECTED = b"injected"


class Procedure(IntEnum):
    """The procedures of the program REMOTE that clients of networks call."""

    CONNECT_OPEN = 1
    CONNECT_CLOSE = 2
    DOMAIN_GET_XML_DESC = 14
    DOMAIN_LOOKUP_BY_NAME = 23
    NETWORK_CREATE = 39
    NETWORK_CREATE_XML = 40
    NETWORK_DEFINE_XML = 41
    NETWORK_DESTROY = 42
    NETWORK_GET_XML_DESC = 43
    NETWORK_GET_AUTOSTART = 44
    NETWORK_GET_BRIDGE_NAME = 45
    NETWORK_LOOKUP_BY_NAME = 46
    NETWORK_LOOKUP_BY_UUID = 47
    NETWORK_SET_AUTOSTART = 48
    NETWORK_UNDEFINE = 49
    CONNECT_SUPPORTS_FEATURE = 60
    AUTH_LIST = 66
    DOMAIN_IS_ACTIVE = 150
    NETWORK_IS_ACTIVE = 152
    NETWORK_IS_PERSISTENT = 153
    CONNECT_GET_LIB_VERSION = 157
    DOMAIN_UPDATE_DEVICE_FLAGS = 174
    CONNECT_LIST_ALL_DOMAINS = 273
    CONNECT_LIST_ALL_NETWORKS = 283
    NETWORK_UPDATE = 291
    CONNECT_NETWORK_EVENT_REGISTER_ANY = 313
    CONNECT_NETWORK_EVENT_DEREGISTER_ANY = 314
    NETWORK_GET_DHCP_LEASES = 341
    NETWORK_LIST_ALL_PORTS = 404
    NETWORK_PORT_GET_XML_DESC = 409
    NETWORK_DEFINE_XML_FLAGS = 432
    NETWORK_CREATE_XML_FLAGS = 437


WRITES = frozenset(
    {
        *(Procedure.NETWORK_DEFINE_XML, Procedure.NETWORK_DEFINE_XML_FLAGS, Procedure.NETWORK_UNDEFINE),
        *(Procedure.NETWORK_CREATE_XML, Procedure.NETWORK_CREATE_XML_FLAGS, Procedure.NETWORK_CREATE),
        *(Procedure.NETWORK_DESTROY, Procedure.NETWORK_UPDATE, Procedure.NETWORK_SET_AUTOSTART),
        Procedure.DOMAIN_UPDATE_DEVICE_FLAGS,
    }
)


class Fault(StrEnum):
    """What becomes of a call.

    ============= =========== ============= =======================================
    fault         daemon      `on_kill`     client
    ============= =========== ============= =======================================
    FAIL          not asked                 gets libvirt's error 1, "injected"
    DROP_BEFORE   not asked                 loses its connection
    DROP_AFTER    has done it               loses its connection instead of a reply
    KILL_BEFORE   not asked   is called     loses its connection, if it still lives
    KILL_AFTER    has done it is called     the same
    HANG          not asked                 hears nothing more on its connection
    ============= =========== ============= =======================================

    Done means answered, with success or not. Whom `on_kill` kills, the client or the daemon, is its own affair.
    """

    FAIL = auto()
    DROP_BEFORE = auto()
    DROP_AFTER = auto()
    KILL_BEFORE = auto()
    KILL_AFTER = auto()
    HANG = auto()


@dataclass(frozen=True, slots=True)
class Call:
    """A call that came: its place among those of all connections, from 0, and what it calls.

    A procedure that isn't in `Procedure` has its number for a name, and is taken for a write.
    """

    number: int
    procedure: str
    write: bool


class Proxy:
    """Clients at `uri` and the daemon at the URI that was given hear each other, until the call that is armed comes.

    It is a context, and serves from threads of this process any number of connections and runs. Between two runs comes
    `arm` or `reset`, while no client waits for an answer. File descriptors in messages (for consoles, say) get lost.
    """

    def __init__(self, uri: str) -> None:
        self._driver, _, self._daemon = uri.partition("?socket=")
        self._tally = _Tally()
        self._connections: list[_Connection] = []

    def __enter__(self) -> Self:
        # Not pytest's folder: the path of a socket has at most 107 bytes.
        self._folder = tempfile.TemporaryDirectory(prefix="proxy-")
        self._path = Path(self._folder.name, "sock")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._path))
        self._listener.listen(128)
        self._accepting = threading.Thread(target=self._accept, name="proxy")
        self._accepting.start()
        return self

    def __exit__(self, *_: object) -> None:
        """No connection, thread or file is left."""
        # `accept` notices this, but not that its socket is closed.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        for connection in self._connections:
            connection.cut()
            connection.join()
        self._folder.cleanup()

    @property
    def uri(self) -> str:
        """The URI for clients."""
        return f"{self._driver}?socket={self._path}"

    def arm(
        self, k: int, fault: Fault, *, writes_only: bool = False, on_kill: Callable[[], object] | None = None
    ) -> None:
        """From now on calls are counted from 0, and the k-th, or with `writes_only` the k-th write, goes wrong.

        `on_kill` runs in a thread of the proxy, and must not itself wait for a call through it. Where it raises, the
        client's connection is cut all the same, and pytest warns of an error in a thread, which is a failure here.
        """
        kills = fault in (Fault.KILL_BEFORE, Fault.KILL_AFTER)
        if kills != (on_kill is not None):
            raise ValueError(f"{fault} and on_kill={on_kill} don't go together")
        self._tally = _Tally(_Armed(k, fault, writes_only, on_kill))

    def reset(self) -> None:
        """From now on calls are counted from 0, and none goes wrong."""
        self._tally = _Tally()

    @property
    def calls(self) -> tuple[Call, ...]:
        """The calls since `arm` or `reset`, in the order of their coming, with the one that went wrong."""
        return tuple(self._tally.calls)

    @property
    def fired(self) -> bool:
        """Whether the fault has happened; true before the client can notice."""
        return self._tally.armed is not None and self._tally.armed.fired

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # how __exit__ ends it
            self._connections = [connection for connection in self._connections if connection.is_alive()]
            self._connect(client)

    def _connect(self, client: socket.socket) -> None:
        daemon = socket.socket(socket.AF_UNIX)
        try:
            daemon.connect(self._daemon)
        except OSError:
            # The host is gone; to the client that is a connection which ends at once.
            daemon.close()
            client.close()
            return
        connection = _Connection(client, daemon, self._take)
        self._connections.append(connection)
        connection.start()

    def _take(self, header: _Header) -> _Armed | None:
        return self._tally.take(header)


class _Header(NamedTuple):
    """What each message starts with; `length` is that of the whole message."""

    length: int
    program: int
    version: int
    procedure: int
    type: int
    serial: int
    status: int

    @classmethod
    def of(cls, message: bytes) -> Self:
        """Return the message's header."""
        return cls(*HEADER.unpack_from(message))


@dataclass(slots=True)
class _Armed:
    """A call to come, and what becomes of it."""

    k: int
    fault: Fault
    writes_only: bool
    on_kill: Callable[[], object] | None
    fired: bool = False


class _Tally:
    """The calls since `arm` or `reset`, of all connections."""

    def __init__(self, armed: _Armed | None = None) -> None:
        self.armed = armed
        self.calls: list[Call] = []
        self._counted = 0
        self._lock = threading.Lock()

    def take(self, header: _Header) -> _Armed | None:
        """Take note of a call; return what is armed if it is for this one."""
        name, write = _procedure(header)
        with self._lock:
            self.calls.append(Call(len(self.calls), name, write))
            if self.armed is None or (self.armed.writes_only and not write):
                return None
            self._counted += 1
            return self.armed if self._counted == self.armed.k + 1 else None


class _Connection(threading.Thread):
    """A client's connection and the one to the daemon that belongs to it; ends when both have."""

    def __init__(self, client: socket.socket, daemon: socket.socket, take: Callable[[_Header], _Armed | None]) -> None:
        super().__init__(name="proxy: calls")
        self._client = client
        self._daemon = daemon
        self._take = take
        self._deaf = False
        self._withheld: dict[int, _Armed] = {}
        """By serial, the calls that are not to be answered."""
        self._answering = threading.Lock()

    def run(self) -> None:
        replies = threading.Thread(target=self._pass_replies, name="proxy: replies")
        with self._client, self._daemon:
            replies.start()
            try:
                with suppress(ConnectionError):
                    self._pass_calls()
                # The client has nothing more to say, but may still listen.
                with suppress(OSError):
                    self._daemon.shutdown(socket.SHUT_RDWR if self._deaf else socket.SHUT_WR)
            finally:
                replies.join()

    def cut(self) -> None:
        """Neither side hears the other any more."""
        for end in (self._client, self._daemon):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _pass_calls(self) -> None:
        for message in _messages(self._client):
            if self._deaf:
                continue
            header = _Header.of(message)
            if header.type in (CALL, CALL_WITH_FDS) and (armed := self._take(header)):
                self._go_wrong(armed, header, message)
            else:
                self._daemon.sendall(message)

    def _pass_replies(self) -> None:
        with suppress(ConnectionError):
            for message in _messages(self._daemon):
                header = _Header.of(message)
                if header.type in (REPLY, REPLY_WITH_FDS) and (armed := self._withheld.get(header.serial)):
                    self._end(armed)
                elif not self._deaf:
                    self._answer(message)
        if not self._deaf:
            self.cut()

    def _go_wrong(self, armed: _Armed, call: _Header, message: bytes) -> None:
        match armed.fault:
            case Fault.FAIL:
                armed.fired = True
                self._answer(_failure(call))
            case Fault.HANG:
                self._deaf = True
                armed.fired = True
            case Fault.DROP_BEFORE | Fault.KILL_BEFORE:
                self._end(armed)
            case Fault.DROP_AFTER | Fault.KILL_AFTER:
                self._withheld[call.serial] = armed
                self._daemon.sendall(message)
            case _:
                assert_never(armed.fault)

    def _end(self, armed: _Armed) -> None:
        """Who is to be killed has been, and after that the connection was cut."""
        armed.fired = True
        try:
            if armed.on_kill:
                armed.on_kill()
        finally:
            self.cut()

    def _answer(self, message: bytes) -> None:
        with self._answering:
            self._client.sendall(message)


def _messages(source: socket.socket) -> Iterator[bytes]:
    """Yield what comes, message by message, up to the last one that is complete."""
    while header := _receive(source, HEADER.size):
        rest = _Header.of(header).length - HEADER.size
        body = _receive(source, rest)
        if len(body) < rest:
            return
        yield header + body


def _receive(source: socket.socket, size: int) -> bytes:
    """Return exactly so many bytes; nothing where they don't come any more."""
    received = b""
    while len(received) < size:
        part = source.recv(size - len(received), socket.MSG_WAITALL)
        if not part:
            return b""
        received += part
    return received


def _procedure(header: _Header) -> tuple[str, bool]:
    """Return the name of the procedure that is called, and whether it is a write."""
    try:
        procedure = Procedure(header.procedure)
    except ValueError:
        procedure = None
    if procedure is None or header.program != REMOTE:
        return f"{header.program:x}:{header.procedure}", True
    return procedure.name, procedure in WRITES


def _failure(call: _Header) -> bytes:
    """Return the reply to a call that failed: a virNetMessageError, in the order of virnetprotocol.x.

    A text that may be missing starts with 1 where it is there; all texts are padded to a multiple of 4.
    """
    text = struct.pack("!2I", 1, len(INJECTED)) + INJECTED + b"\0" * (-len(INJECTED) % 4)
    no_domain = no_text = no_network = 0
    rest = struct.pack("!8I", LEVEL_ERROR, no_domain, no_text, no_text, no_text, 0, 0, no_network)
    payload = struct.pack("!2I", INTERNAL_ERROR, FROM_NETWORK) + text + rest
    reply = call._replace(length=HEADER.size + len(payload), type=REPLY, status=FAILED)
    return HEADER.pack(*reply) + payload
