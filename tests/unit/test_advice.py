"""What a failed connection says: errors as libvirt 9.0 gave them, and what the user is told to do about each."""

from __future__ import annotations

import errno

import pytest

from netreconcile.advice import NO_ANSWER, Address, Failure, address, advice, explain

SYSTEM_ERROR, INTERNAL_ERROR, AUTH_UNAVAILABLE = 38, 1, 94
NONE, TLS_FILE = -1, "Cannot read CA certificate '/etc/pki/CA/cacert.pem': No such file or directory"
FROM_NONE, FROM_RPC, FROM_REMOTE, FROM_URI, FROM_DBUS, FROM_POLKIT = 0, 7, 13, 45, 47, 60
HERE, SOCKET, SSH = "qemu:///system", "network+unix:///system?socket=/run/sock", "qemu+ssh://me@far:2222/system"
TCP, TLS = "qemu+tcp://far/system", "qemu://far/system"
SOCK = "/var/run/libvirt/libvirt-sock"
AGENT = "authentication unavailable: no polkit agent available to authenticate action 'org.libvirt.unix.manage'"
CHANGED = (
    "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\r\n"
    "Offending ED25519 key in /home/op/.ssh/known_hosts:1\r\n"
    "Host key for far has changed and you have requested strict checking.\r\nHost key verification failed."
)
HELPER = f"virt-ssh-helper: cannot connect to '{SOCK}': Failed to connect socket to '{SOCK}': "


def cut(said: str) -> str:
    """Return what libvirt makes of an ssh that has said something and ended before it was asked."""
    return f"Cannot recv data: {said}: Connection reset by peer"


def ended(said: str) -> str:
    """Return what libvirt makes of an ssh that has said something and ended."""
    return f"End of file while reading data: {said}: Input/output error"


@pytest.mark.parametrize(
    ("uri", "numbers", "message", "words"),
    [
        # this machine
        (HERE, (38, 7, 2), f"Failed to connect socket to '{SOCK}': No such file or directory", "start libvirtd.socket"),
        (HERE, (38, 7, 2), f"Failed to connect socket to '{SOCK}': No such file or directory", "virtnetworkd.socket"),
        (HERE, (38, 7, 111), f"Failed to connect socket to '{SOCK}': Connection refused", "start libvirtd.socket"),
        (SOCKET, (38, 7, 2), "Failed to connect socket to '/run/sock': No such file or directory", "the path right"),
        (SOCKET, (38, 7, 111), "Failed to connect socket to '/run/sock': Connection refused", "the path right"),
        (HERE, (38, 7, 13), f"Failed to connect socket to '{SOCK}': Permission denied", "usermod -aG libvirt"),
        (SOCKET, (38, 7, 13), "Failed to connect socket to '/run/sock': Permission denied", "usermod -aG libvirt"),
        (HERE, (45, FROM_POLKIT, NONE), "authentication failed: access denied by policy", "polkit doesn't let"),
        (HERE, (AUTH_UNAVAILABLE, FROM_POLKIT, NONE), AGENT, "usermod -aG libvirt"),
        (
            HERE,
            (1, FROM_DBUS, NONE),
            "internal error: Unable to get system bus connection: Could",
            "polkit isn't running",
        ),
        (HERE, (NO_ANSWER, NONE, NONE), "no answer within 30 s", "systemctl status libvirtd"),
        # the URI
        ("bogus:///x", (5, 0, NONE), "no connection driver available for bogus:///x", "no driver `bogus`"),
        ("bogus+ssh://far/x", (5, 0, NONE), "für bogus:///x ist kein Treiber verfügbar", "no driver `bogus`"),
        (
            "qemu",
            (5, 0, NONE),
            "no connection driver available for URI 'qemu' does not include a driver name",
            "looks like",
        ),
        ("qemu+carrier-pigeon:///", (8, FROM_REMOTE, NONE), "invalid argument: remote_open: transport", "looks like"),
        ("::::", (1, FROM_URI, NONE), "internal error: Unable to parse URI ::::", "looks like"),
        # another machine
        (TCP, (38, 7, NONE), "Unable to resolve address 'far' service '16509': Name or service", "getent hosts far"),
        (TCP, (38, 7, 111), "unable to connect to server at 'far:16509': Connection refused", "libvirtd-tcp.socket"),
        (TLS, (38, 7, 111), "unable to connect to server at 'far:16514': Connection refused", "libvirtd-tls.socket"),
        (
            TCP,
            (38, 7, 101),
            "unable to connect to server at 'far:16509': Network is unreachable",
            "no way leads to far",
        ),
        (TCP, (38, 7, 110), "unable to connect to server at 'far:16509': Connection timed out", "no way leads to far"),
        (TCP, (NO_ANSWER, NONE, NONE), "no answer within 30 s", "firewall swallows"),
        (TCP, (45, 7, NONE), "authentication failed: Failed to start SASL negotiation: -4", "auth.conf"),
        (TLS, (38, 7, 2), TLS_FILE, "tlscerts.html"),
        (TLS, (45, 7, NONE), "authentication failed: Failed to verify peer's certificate", "must name far"),
        (TLS, (45, 7, NONE), "authentication failed: TLS handshake failed Error in the pull function.", "speak TLS"),
        (TLS, (38, 7, 5), "Unable to read TLS confirmation: Input/output error", "client certificate"),
        # over ssh
        (SSH, (38, 0, 2), "Cannot find 'ssh' in path: No such file or directory", "apt install openssh-client"),
        (
            SSH,
            (38, 7, 104),
            cut("ssh: connect to host far port 2222: Connection refused"),
            "start the SSH server on far",
        ),
        (SSH, (38, 7, 104), cut("ssh: connect to host far port 2222: No route to host"), "no way leads to far"),
        (SSH, (38, 7, 104), cut("ssh: Could not resolve hostname far: Temporary failure"), "getent hosts far"),
        (SSH, (38, 7, 104), cut("Host key verification failed."), "log in once with `ssh -p 2222 me@far`"),
        (SSH, (38, 7, 104), cut(CHANGED), "ssh-keygen -R far"),
        (
            SSH,
            (38, 7, 104),
            cut("Warning: no key\nme@far: Permission denied (publickey)."),
            "ssh-copy-id -p 2222 me@far",
        ),
        (SSH, (38, 7, 5), ended("sh: 1: nc: not found"), "install libvirt on far"),
        (SSH, (38, 7, 5), ended(f"{HELPER}No such file or directory"), "no daemon listens on far"),
        (SSH, (38, 7, 5), ended(f"{HELPER}Connection refused"), "no daemon listens on far"),
        (SSH, (38, 7, 5), ended(f"{HELPER}Permission denied"), "log in as root"),
        (SSH, (38, 7, 5), ended(f"nc: {SOCK}: No such file or directory"), "no daemon listens on far"),
        (SSH, (39, 7, NONE), "packet 1466264671 bytes received from server too large, want 33554432", ".bashrc"),
        (SSH, (NO_ANSWER, NONE, NONE), "no answer within 30 s", "ssh -p 2222 me@far true"),
        (
            "qemu+libssh2://far/system",
            (38, 7, 111),
            "unable to connect to server at 'far:22': Connection refused",
            "SSH",
        ),
    ],
)
def test_each_way_to_fail_says_what_to_do(uri: str, numbers: tuple[int, int, int], message: str, words: str) -> None:
    assert words in advice(Failure(uri, message, *numbers))


def test_an_unknown_failure_has_libvirts_words_and_the_virsh_line() -> None:
    failure = Failure(f"{HERE}?a=b c", "something new", INTERNAL_ERROR, FROM_NONE, errno.ENOENT)
    assert explain(failure, readonly=True) == (
        "can't reach libvirt at qemu:///system?a=b c: something new\n"
        "the same by hand: virsh --readonly -c 'qemu:///system?a=b c' net-list"
    )
    assert "virsh -c " in explain(failure, readonly=False)


def test_of_what_ssh_says_the_last_line_is_told() -> None:
    assert Failure(SSH, cut(CHANGED), SYSTEM_ERROR, FROM_RPC).summary == "Host key verification failed."
    assert Failure(SSH, cut("motd\n\n"), SYSTEM_ERROR, FROM_RPC).summary == "motd"
    assert Failure(SSH, ended("\n"), SYSTEM_ERROR, FROM_RPC).summary.startswith("End of file while reading data")
    assert Failure(TCP, "Cannot recv data: Connection reset by peer", SYSTEM_ERROR, FROM_RPC).summary.startswith(
        "Cannot"
    )


@pytest.mark.parametrize(
    ("uri", "where"),
    [
        ("qemu:///system", Address("qemu", "unix", "localhost", "localhost")),
        ("qemu://far/system", Address("qemu", "tls", "far", "far")),
        ("qemu+unix:///system?socket=/a", Address("qemu", "socket", "localhost", "localhost")),
        ("network+ssh://me@far:22/system?socket=/a", Address("network", "ssh", "far", "-p 22 me@far")),
        ("qemu+tcp://[fd00::1]:16509/system", Address("qemu", "tcp", "fd00::1", "-p 16509 fd00::1")),
        ("test:///default", Address("test", "unix", "localhost", "localhost")),
        ("qemu", Address("qemu", "unix", "localhost", "localhost")),
        ("", Address("", "unix", "localhost", "localhost")),
    ],
)
def test_where_a_uri_leads(uri: str, where: Address) -> None:
    assert address(uri) == where
