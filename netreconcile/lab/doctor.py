"""Finds out whether a lab can run on this machine, and what would help where it can't."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.lab import launch, programs
from netreconcile.lab.errors import LabUnavailable
from netreconcile.lab.lab import Lab
from netreconcile.lab.setup import NETWORK_DRIVER

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: whether it is as a lab needs it, what was seen, and what would help, or nothing."""

    fine: bool
    seen: str
    remedy: str = ""


def examine(*, guests: bool = False) -> tuple[Finding, ...]:
    """Return what was found, causes first; the last is a lab that was tried: if it is fine, labs can run here."""
    return (*_programs(guests=guests), *_namespaces(), *(_guests() if guests else ()), _trial(guests=guests))


def _programs(*, guests: bool) -> Iterator[Finding]:
    lacking = programs.missing(guests=guests)
    for program in (programs.UNSHARE, *programs.NETWORK, *(programs.GUESTS if guests else ())):
        if program not in lacking:
            yield Finding(fine=True, seen=f"{program.name}: {programs.find(program.name)}")
    for place in (programs.find_daemon(guests=guests), programs.find_drivers()):
        if place:
            yield Finding(fine=True, seen=f"{place.rpartition('/')[2]}: {place}")
    for program in lacking:
        seen = f"{program.name}: not found ({program.purpose})"
        if program.name == NETWORK_DRIVER:
            seen += f"; looked in {', '.join(programs.driver_folders()) or 'no folder: libvirt keeps none here'}"
        yield Finding(fine=False, seen=seen, remedy=programs.install_command((program,)))
    if len(lacking) > 1:
        yield Finding(fine=False, seen=f"{len(lacking)} things are missing", remedy=programs.install_command(lacking))


def _namespaces() -> Iterator[Finding]:
    command = [*launch.unshare(), "true"]
    line = shlex.join(command)
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return
    if done.returncode == 0:
        yield Finding(fine=True, seen=f"namespaces: `{line}` works")
        return
    yield Finding(fine=False, seen=f"namespaces: `{line}` says: {done.stderr.strip()}", remedy="see below, or use sudo")
    yield from _obstacles()


def _obstacles() -> Iterator[Finding]:
    """Yield what is known to keep namespaces from being made."""
    for setting, bad, good, reason in (
        ("kernel.unprivileged_userns_clone", "0", "1", "only root may make user namespaces"),
        ("user.max_user_namespaces", "0", "10000", "nobody may make user namespaces"),
        ("user.max_net_namespaces", "0", "10000", "nobody may make network namespaces"),
        ("kernel.apparmor_restrict_unprivileged_userns", "1", "0", "AppArmor takes the rights out of user namespaces"),
    ):
        if _setting(setting) == bad:
            remedy = f"sudo sysctl {setting}={good}, or run the lab with sudo"
            yield Finding(fine=False, seen=f"{setting} = {bad}: {reason}", remedy=remedy)
    covered = masked()
    if covered:
        yield Finding(
            fine=False,
            seen=f"/proc is masked ({', '.join(covered)}), as in most containers: the kernel gives no second /proc",
            remedy="podman: --security-opt unmask=ALL; docker: --security-opt systempaths=unconfined "
            "--security-opt seccomp=unconfined; or --privileged",
        )


def _setting(name: str) -> str:
    """Return a kernel setting, or nothing where this kernel doesn't have it."""
    path = Path("/proc/sys", name.replace(".", "/"))
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


def masked() -> tuple[str, ...]:
    """Return what is mounted over parts of /proc, without binfmt_misc, which belongs there."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    places = {line.split()[4] for line in lines}
    return tuple(sorted(place for place in places if place.startswith("/proc/") and "binfmt_misc" not in place))


def _guests() -> Iterator[Finding]:
    if not launch.privileged():
        yield Finding(fine=False, seen="guests: libvirt's QEMU driver runs for root only", remedy="use sudo")
    if not os.path.exists("/dev/net/tun"):
        yield Finding(fine=False, seen="/dev/net/tun: not there (links of guests)", remedy="sudo modprobe tun")


def _trial(*, guests: bool) -> Finding:
    try:
        with Lab(guests=guests, scenery=True):
            return Finding(fine=True, seen="a lab was started, and libvirt answered in it")
    except LabUnavailable as error:
        return Finding(fine=False, seen=f"no lab can run here: {error}")
