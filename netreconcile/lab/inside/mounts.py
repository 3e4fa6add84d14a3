"""The lab's view of the files: fresh /run, /sys and libvirt folders over the host's, which stay as they are."""

from __future__ import annotations

import ctypes
import os
import stat
from contextlib import suppress
from pathlib import Path

BIND, RECURSIVE, NOSUID, NODEV = 0x1000, 0x4000, 0x2, 0x4
"""Flags of mount(2)."""
PRIVATE = ("/run", "/etc/libvirt", "/var/lib/libvirt", "/var/cache/libvirt", "/var/log/libvirt")
"""What libvirt writes to. A fresh /run also hides dbus: no firewalld, polkit or machined of the host gets asked."""
NETWORK_CONF = "/etc/libvirt/network.conf"

libc = ctypes.CDLL(None, use_errno=True)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """Mount a file system, or bind a folder, in the way of the system call. Raises: OSError."""
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()):
        number = ctypes.get_errno()
        raise OSError(number, f"mount {source} on {target}: {os.strerror(number)}")


class Tree:
    """The lab's files below one root; knows which file systems it made itself, because only those may be written to."""

    def __init__(self) -> None:
        self._own: set[int] = set()

    def fresh(self, path: str) -> None:
        """The folder is there and empty, and writing to it changes nothing on the host."""
        self.provide(path)
        mount("tmpfs", path, "tmpfs", NOSUID | NODEV, "mode=0755,size=64m")
        self._own.add(os.stat(path).st_dev)

    def provide(self, path: str) -> None:
        """The folder exists; where the host has none, in a copy of its parent, as the host stays as it is."""
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        self.provide(parent)
        if os.stat(parent).st_dev not in self._own:
            self._copy(parent)
        os.mkdir(path)

    def _copy(self, path: str) -> None:
        """The folder is ours, and everything that was in it is bound in its old place."""
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        entries = list(os.scandir(folder))
        self.fresh(path)
        for entry in entries:
            target = f"{path}/{entry.name}"
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISLNK(mode):
                os.symlink(os.readlink(entry.name, dir_fd=folder), target)
                continue
            if stat.S_ISDIR(mode):
                os.mkdir(target)
            else:
                Path(target).touch()
            mount(f"/proc/self/fd/{folder}/{entry.name}", target, flags=BIND | RECURSIVE)
        os.close(folder)


def hide_host(root: str) -> None:
    """The lab sees its own links in /sys, its own /run and empty libvirt folders; with a root, that root is `/`.

    Of libvirt's settings one stays, which firewall backend it uses: the machine's choice, or the root's.
    """
    # In a container that masks /sys, libvirt asks the kernel by ioctl, and only readers of /sys see the host's links.
    with suppress(PermissionError):
        mount("sysfs", "/sys", "sysfs", NOSUID | NODEV)
    chosen = root + NETWORK_CONF
    text = Path(chosen).read_text(encoding="utf-8") if os.access(chosen, os.R_OK) else ""
    tree = Tree()
    for folder in PRIVATE:
        tree.fresh(folder)
    for folder in ("/run/libvirt", "/run/lab", "/run/lock", "/var/lib/libvirt/dnsmasq"):
        os.mkdir(folder)
    write(NETWORK_CONF, text)
    if root:
        # The lab's commands run outside of the root, and there, too, everything stands where libvirt has put it.
        for folder in (*PRIVATE, "/sys", "/dev"):
            tree.provide(root + folder)
            mount(folder, root + folder, flags=BIND | RECURSIVE)
        mount("proc", f"{root}/proc", "proc")
        os.chroot(root)
        os.chdir("/")


def write(path: str, text: str) -> None:
    """The file holds the text."""
    Path(path).write_text(text, encoding="utf-8")


def replace(path: str, text: str) -> None:
    """The file reads as the text inside the lab; a file that the host doesn't have stays away."""
    # The target of a link such as /etc/resolv.conf may have gone with the host's /run.
    target = os.path.realpath(path)
    if target.startswith("/run/"):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        write(target, text)
    elif os.path.isfile(target):
        source = f"/run/lab/{os.path.basename(path)}"
        write(source, text)
        mount(source, target, flags=BIND)
