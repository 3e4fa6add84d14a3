"""The users that the lab's programs look up, where this machine's don't fit the lab's user namespace."""

from __future__ import annotations

from pathlib import Path

from netreconcile.lab.inside.mounts import replace

USER = "{}:x:0:{}:lab:/:/usr/sbin/nologin\n"
DNSMASQ_USERS = ("nobody", "dnsmasq", "libvirt-dnsmasq")
QEMU_USERS = ("libvirt-qemu", "qemu")
QEMU_GROUPS = ("libvirt-qemu", "qemu", "kvm")


def provide(*, guests: bool) -> None:
    """Let dnsmasq and libvirt find the users that they ask for."""
    if mapped() == 1:
        # dnsmasq insists on leaving uid 0 and gid 0, which fails where nothing else is mapped: so its users *are* uid
        # 0, and their group doesn't exist, for then it leaves the groups alone. libvirtd looks its clients up, and
        # 65534 is whoever isn't mapped.
        users = "".join(USER.format(name, 65533) for name in DNSMASQ_USERS)
        unmapped = "unmapped:x:65534:65534:a user outside the lab:/:/usr/sbin/nologin\n"
        replace("/etc/passwd", f"root:x:0:0:root:/root:/bin/sh\n{users}{unmapped}")
        replace("/etc/group", "root:x:0:\nunmapped:x:65534:\n")
        replace("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n")
    elif guests:
        # libvirt looks up the users that it was built with before it reads in qemu.conf that it is to use root. Where
        # the machine has them, its own lines come first and count.
        users = "".join(USER.format(name, 0) for name in QEMU_USERS)
        groups = "".join(f"{name}:x:0:\n" for name in QEMU_GROUPS)
        replace("/etc/passwd", Path("/etc/passwd").read_text(encoding="utf-8") + users)
        replace("/etc/group", Path("/etc/group").read_text(encoding="utf-8") + groups)


def mapped() -> int:
    """Return how many users this user namespace knows."""
    lines = Path("/proc/self/uid_map").read_text(encoding="utf-8").splitlines()
    return sum(int(line.split()[2]) for line in lines)
