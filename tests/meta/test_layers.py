"""Which module may import what, and where printing and exiting happen; read off the source."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKAGE = Path(__file__).parents[2] / "netreconcile"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if "schemas" not in path.parts)
CORE = (
    "errors",
    "printable",
    "spelling",
    "notation",
    "binding",
    "releases",
    "model",
    "mark",
    "codec",
    "unmodelled",
    "diff",
    "fill",
    "definitions",
    "observed",
    "allowance",
    "actions",
    "live",
    "drift",
    "leases",
    "order",
    "running",
    "networkplan",
    "policy",
    "plan",
    "restore",
)
"""The pure core, each module above those before it."""
LOOKING = frozenset(
    {
        *("kernel.here", "kernel.read", "kernel.trace", "kernel.news", "kernel.programs", "kernel.remains"),
        *("verify.verify", "verify.glance", "verify.visit", "verify.lan", "verify.talk", "verify.resolver"),
        *("verify.namespace", "verify.guest", "verify.errands", "verify.exchange", "verify.neighbours"),
        *("verify.sniffer", "verify.farend", "verify.releaser", "verify.address", "verify.tagging"),
    }
)
"""What looks at the machine of the rooms that verify networks; the rest of them is pure."""
SPELLING = {f"socket.{each}" for each in ("AF_INET", "AF_INET6", "inet_aton", "inet_ntoa", "inet_ntop", "inet_pton")}
"""What of `socket` only turns addresses into bytes and back."""
PRINTED = ("document", "render")
"""How plans and reports are worded; the reports of verifications and findings share it."""
SHELL = frozenset(
    {
        *("libvirt", "libvirt_qemu", "yaml", "argparse", "rich", "logging"),
        *("subprocess", "socket", "select", "dns", "ctypes", "threading", "time", "os", "sys"),
    }
)
COMMAND_LINE = ("cli", "__main__", "commands", "lab.command", "reference.__main__")


def name(path: Path) -> str:
    """Return the module's name inside the package, `checks` for `checks/__init__.py`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a module imports, wherever, except those that only a type checker sees."""
    waiting: list[ast.AST] = [ast.parse(path.read_text())]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting += ast.iter_child_nodes(node)


def own(path: Path) -> set[str]:
    """Return which modules of the package a module imports."""
    known = {name(other) for other in MODULES}
    return {found.removeprefix("netreconcile.") for found in imports(path)} & known


def is_core(path: Path) -> bool:
    return name(path).split(".")[0] in (*CORE, "checks")


@pytest.mark.parametrize("path", [path for path in MODULES if is_core(path)], ids=name)
def test_the_core_is_pure(path: Path) -> None:
    assert {found.split(".")[0] for found in imports(path)} & SHELL == set()
    rooms = {found.split(".")[0] for found in own(path)}
    assert rooms <= {*CORE, "checks"}


def judges(module: str) -> bool:
    return module.startswith(("kernel", "verify", "below")) and module not in LOOKING


def test_every_module_that_looks_at_the_machine_is_there() -> None:
    assert set(map(name, MODULES)) >= LOOKING


@pytest.mark.parametrize("path", [path for path in MODULES if judges(name(path))], ids=name)
def test_what_judges_networks_is_pure(path: Path) -> None:
    calls = {ast.unparse(node) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
    translates = {call for call in calls if call.startswith("socket.")} <= SPELLING
    assert {found.split(".")[0] for found in imports(path)} & SHELL <= ({"socket"} if translates else set())
    rooms = {found.split(".")[0] for found in own(path) if not judges(found)}
    assert rooms <= {*CORE, "checks", *(PRINTED if name(path).endswith((".report", ".overview")) else ())}


@pytest.mark.parametrize("path", [path for path in MODULES if name(path).startswith(("graph", "reports"))], ids=name)
def test_pictures_and_reports_are_pure(path: Path) -> None:
    assert {found.split(".")[0] for found in imports(path)} & SHELL == set()
    rooms = {found.split(".")[0] for found in own(path)}
    assert rooms <= {*CORE, *PRINTED, "graph", "reports", "below"}


def test_few_rooms_use_what_looks_at_the_machine() -> None:
    users = {name(path).split(".")[0] for path in MODULES if own(path) & LOOKING}
    assert users <= {"kernel", "verify", "rehearse", "commands", "watch", "host", "clearing"}


@pytest.mark.parametrize("module", ["pace", "outcome", "tries"])
def test_when_a_watch_looks_and_what_it_tells_is_pure(module: str) -> None:
    path = PACKAGE / "watch" / f"{module}.py"
    assert {found.split(".")[0] for found in imports(path)} & SHELL == set()
    assert own(path) == set()


@pytest.mark.parametrize("module", ["copy", "outcome", "report"])
def test_what_a_rehearsal_is_made_of_and_comes_to_is_pure(module: str) -> None:
    path = PACKAGE / "rehearse" / f"{module}.py"
    assert {found.split(".")[0] for found in imports(path)} & SHELL == set()
    assert own(path) & LOOKING == set()


@pytest.mark.parametrize("module", CORE)
def test_the_core_is_a_ladder(module: str) -> None:
    below = set(CORE[: CORE.index(module)])
    assert own(PACKAGE / f"{module}.py") - {"checks"} <= below


def test_only_one_module_and_the_lab_import_libvirt() -> None:
    users = {name(path) for path in MODULES if {"libvirt", "libvirt_qemu"} & set(imports(path))}
    assert {user for user in users if not user.startswith("lab")} == {"reach"}


def test_only_loader_and_dump_know_yaml() -> None:
    users = {name(path) for path in MODULES if "yaml" in imports(path)}
    assert users <= {"compose", "syntax", "dump", "layout", "reference.page"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_printing_and_exiting_happen_at_the_command_line(path: Path) -> None:
    here = name(path)
    if here in COMMAND_LINE or here.startswith(("commands.", "lab.inside")):
        return
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    assert calls & {"print", "exit", "quit", "sys.exit", "sys.stdout.write", "sys.stderr.write", "input"} == set()


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_nothing_imports_the_command_line(path: Path) -> None:
    here = name(path)
    rooms = {found.split(".")[0] for found in own(path)}
    assert "commands" not in rooms or here.startswith("commands")
    assert "cli" not in rooms or here == "__main__"
