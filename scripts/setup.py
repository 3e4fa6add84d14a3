#!/usr/bin/env python3
"""Makes a checkout ready to use: installs the programs that are missing, and the project in a virtual environment.

Runs before anything is installed, so it needs the standard library only, and it parses on a Python that is too old
for the project, to say so. Run again, it finds nothing to do and takes a fraction of a second.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
SYSTEM_PYTHON = "/usr/bin/python3"
EXTRAS = {"demo": "libvirt", "test": "libvirt,test", "dev": "libvirt,dev"}
"""What pip installs for each purpose; each holds the ones before it."""

FAILED, UNAVAILABLE = 1, 69
INSTALL_LINES = {
    "apt-get": "apt-get update && apt-get install --no-install-recommends",
    "dnf": "dnf install",
    "pacman": "pacman -S --needed",
    "zypper": "zypper install",
}


class Need(NamedTuple):
    """Something that the project uses and pip cannot install, and the package that has it."""

    what: str
    present: Callable[[], bool]
    debian: str
    fedora: str
    arch: str
    suse: str

    def packages(self, manager: str) -> list[str]:
        """Return the packages to ask this manager for; "?" marks one that not every release has."""
        return dict(zip(INSTALL_LINES, (self.debian, self.fedora, self.arch, self.suse)))[manager].split()


def main() -> None:
    """Make the checkout ready for the purpose given."""
    parser = argparse.ArgumentParser(description="Make this checkout ready to use.")
    parser.add_argument("purpose", nargs="?", choices=EXTRAS, default="dev", help="for what (default: %(default)s)")
    parser.add_argument("--oldest", action="store_true", help="a second environment, at the dependencies' lower bounds")
    arguments = parser.parse_args()

    # Debian keeps these off an ordinary user's PATH.
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    # Two at once would install over each other; the lock ends with the process.
    fcntl.flock(os.open(str(ROOT), os.O_RDONLY), fcntl.LOCK_EX)

    python = interpreter()
    folder = ROOT / (".venv-oldest" if arguments.oldest else ".venv")
    state = {"python": python, "version": evaluate(python, "sys.version"), "folder": str(folder), "project": digest()}
    wanted = list(needs(arguments.purpose))
    if is_ready(folder, state, arguments.purpose):
        provide(wanted)
    else:
        provide([*wanted, *build_needs(python)])
        make_environment(folder, python, arguments.purpose, at_lower_bounds=arguments.oldest)
        stamp(folder).write_text(json.dumps({**state, "purpose": arguments.purpose}), encoding="utf-8")


def interpreter() -> str:
    """Return the Python for the environment: the system's own if it is new enough, since libvirt's binding fits it."""
    chosen = os.environ.get("PYTHON")
    newest_first = [f"python3.{minor}" for minor in range(19, OLDEST_PYTHON[1] - 1, -1)]
    for name in [chosen] if chosen else [SYSTEM_PYTHON, sys.executable, *newest_first]:
        path = shutil.which(name)
        if path and evaluate(path, f"sys.version_info >= {OLDEST_PYTHON}") == "True":
            return path
    found = f"{chosen} is not" if chosen else "there is no"
    return stop(UNAVAILABLE, f"{found} Python 3.11 or newer here; install one, or name it: PYTHON=/path/to/python")


def needs(purpose: str) -> Iterator[Need]:
    """Yield the programs that the demo, or the tests, run."""
    yield Need("libvirtd", has_daemon, "libvirt-daemon", "libvirt-daemon", "libvirt", "libvirt-daemon")
    # Debian 13 split the driver off.
    debian = "libvirt-daemon libvirt-daemon-driver-network?"
    split = "libvirt-daemon-driver-network"
    yield Need("libvirt's network driver", has_network_driver, debian, split, "libvirt", split)
    yield program("virsh", "libvirt-clients", "libvirt-client", "libvirt", "libvirt-client")
    yield program("dnsmasq", "dnsmasq-base", "dnsmasq", "dnsmasq", "dnsmasq")
    yield program("iptables", "iptables", "iptables-nft", "iptables-nft", "iptables")
    yield program("nft", "nftables", "nftables", "nftables", "nftables")
    yield program("ip", "iproute2", "iproute", "iproute2", "iproute2")
    yield program("unshare", "util-linux", "util-linux", "util-linux", "util-linux")
    yield program("make", "make", "make", "make", "make")
    if purpose == "demo":
        return
    yield program("ping", "iputils-ping", "iputils", "iputils", "iputils")
    yield program("udhcpc", "udhcpc", "busybox", "busybox", "busybox")
    yield program("ps", "procps", "procps-ng", "procps-ng", "procps")
    chromium = ("chromium", "chromium-browser")
    yield Need("chromium", lambda: any(map(shutil.which, chromium)), "chromium", "chromium", "chromium", "chromium")
    yield program("chromedriver", "chromium-driver", "chromedriver", "chromium", "chromedriver")
    yield program("systemd-analyze", "systemd", "systemd", "systemd", "systemd")
    if platform.machine() == "x86_64":
        yield program("qemu-system-x86_64", "qemu-system-x86", "qemu-system-x86-core", "qemu-system-x86", "qemu-x86")


def build_needs(python: str) -> Iterator[Need]:
    """Yield what making the environment takes: libvirt's binding from the system, or what building it takes."""
    yield Need("Python's venv", lambda: imports(python, "ensurepip"), "python3-venv", "python3", "python", "python3")
    if python == SYSTEM_PYTHON:
        names = ("python3-libvirt", "python3-libvirt", "libvirt-python", "python3-libvirt-python")
        yield Need("libvirt's binding for Python", lambda: imports(python, "libvirt"), *names)
        return
    include = evaluate(python, "__import__('sysconfig').get_path('include')")
    yield program("cc", "gcc", "gcc", "gcc", "gcc")
    yield program("pkg-config", "pkg-config", "pkgconf", "pkgconf", "pkg-config")
    headers = ("libvirt-dev", "libvirt-devel", "libvirt", "libvirt-devel")
    yield Need("libvirt's headers", lambda: succeeds("pkg-config", "--exists", "libvirt"), *headers)
    headers = ("python3-dev", "python3-devel", "python", "python3-devel")
    yield Need("Python's headers", lambda: Path(include, "Python.h").exists(), *headers)


def program(name: str, debian: str, fedora: str, arch: str, suse: str) -> Need:
    """Return the need for a program on the PATH."""
    return Need(name, lambda: shutil.which(name) is not None, debian, fedora, arch, suse)


def has_daemon() -> bool:
    """Say whether there is a libvirt daemon that manages networks; some systems have the modular one alone."""
    return any(map(shutil.which, ("libvirtd", "virtnetworkd")))


def has_network_driver() -> bool:
    """Say whether libvirt's network driver lies where libvirt's daemon looks for it."""
    return any(Path("/usr").glob("lib*/**/libvirt/connection-driver/libvirt_driver_network.so"))


def provide(wanted: list[Need]) -> None:
    """Install what is missing, or say what it is and how to get it, and stop."""
    missing = [need for need in wanted if not need.present()]
    if not missing:
        return
    if not shutil.which("apt-get"):
        explain(missing, next(filter(shutil.which, INSTALL_LINES), None))
    packages = sorted({name for need in missing for name in need.packages("apt-get")})
    prefix = become_root()
    if prefix is None:
        explain(missing, "apt-get")
    say(f"installing {', '.join(name for name in packages if not name.endswith('?'))}")
    run([*prefix, str(ROOT / "scripts/apt-install"), *packages])
    missing = [need for need in missing if not need.present()]
    if missing:
        stop(FAILED, f"still missing after the installation: {', '.join(need.what for need in missing)}")


def become_root() -> list[str] | None:
    """Return what to put before a command that root must run, or None where this user cannot become root."""
    if os.geteuid() == 0:
        return []
    sudo = ["sudo"] if sys.stdin.isatty() else ["sudo", "--non-interactive"]
    return sudo if shutil.which("sudo") and succeeds(*sudo, "true") else None


def explain(missing: list[Need], manager: str | None) -> NoReturn:
    """Say what is missing and the commands that install it, and stop."""
    lines = ["missing on this machine: " + ", ".join(need.what for need in missing)]
    lines.append("nothing was installed. As root, run this, and then try again:")
    for name, command in INSTALL_LINES.items():
        if manager in {name, None}:
            packages = sorted({package for need in missing for package in need.packages(name)})
            if name == "apt-get":
                packages = [package for package in packages if not package.endswith("?") or is_known(package[:-1])]
            lines.append("  " + " ".join([command, *(package.rstrip("?") for package in packages)]))
    stop(UNAVAILABLE, "\n".join(lines))


def is_known(package: str) -> bool:
    """Say whether this Debian release has the package."""
    return succeeds("apt-cache", "show", package)


def make_environment(folder: Path, python: str, purpose: str, *, at_lower_bounds: bool) -> None:
    """Make the folder a fresh environment with the project, editable, and what the purpose needs."""
    say(f"making {folder.name} with {python}")
    run([python, "-m", "venv", "--clear", str(folder)])
    if python == SYSTEM_PYTHON:
        link_binding(folder)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as bounds:
        bounds.write(lower_bounds() if at_lower_bounds else "")
        bounds.flush()
        pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
        run([*pip, "install", "--constraint", bounds.name, "--editable", f"{ROOT}[{EXTRAS[purpose]}]"])


def link_binding(folder: Path) -> None:
    """Let the environment use the system's libvirt binding, and nothing else of the system's packages.

    The binding has no wheels, and a build takes a compiler and libvirt's headers.
    """
    source = Path(evaluate(SYSTEM_PYTHON, "__import__('libvirt').__file__")).parent
    target = next(folder.glob("lib/python3*/site-packages"))
    for pattern in ("libvirt.py", "libvirt_*", "libvirtaio.py", "libvirtmod*"):
        for path in source.glob(pattern):
            (target / path.name).symlink_to(path)


def lower_bounds() -> str:
    """Return pip constraints that hold each run-time dependency at the oldest version it may have."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    dependencies = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    listed = re.findall(r'"([^"]+)"', dependencies[1] if dependencies else "")
    return "\n".join(listed).replace(">=", "==")


def digest() -> str:
    """Return a digest of what an environment is made from; the configuration of the tools is not in it."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("\n[tool.")[0]
    return hashlib.sha256(project.encode() + Path(__file__).read_bytes()).hexdigest()


def stamp(folder: Path) -> Path:
    """Return the file that says what the environment was made from and for; it is written last."""
    return folder / "setup.json"


def is_ready(folder: Path, state: dict[str, str], purpose: str) -> bool:
    """Say whether the environment was made from this state, for this purpose or one that holds it."""
    try:
        made = json.loads(stamp(folder).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    holding = list(EXTRAS)[list(EXTRAS).index(purpose) :]
    return made.pop("purpose", None) in holding and made == state


def evaluate(python: str, expression: str) -> str:
    """Return what the expression is in this Python, as text; empty where it cannot be had."""
    command = [python, "-I", "-c", f"import sys; print({expression})"]
    try:
        return subprocess.check_output(command, stderr=subprocess.DEVNULL, text=True).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def imports(python: str, module: str) -> bool:
    """Say whether this Python has the module."""
    return succeeds(python, "-I", "-c", f"import {module}")


def succeeds(*command: str) -> bool:
    """Say whether the command exists and ends well."""
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def run(command: list[str]) -> None:
    """Run the command, and stop with its output where it fails."""
    try:
        subprocess.check_output(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT, text=True)
    except subprocess.CalledProcessError as error:
        stop(FAILED, f"this failed: {shlex.join(command)}\n{error.output}")


def say(message: str) -> None:
    """Print the message on standard error, under this script's name."""
    print(f"setup: {message}", file=sys.stderr, flush=True)


def stop(code: int, message: str) -> NoReturn:
    """End with the code, and the message on standard error."""
    say(message)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
