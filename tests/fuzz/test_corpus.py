"""The kept corpus breaks no promise, and hostile files of the largest size end in time and in little memory."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from tests.fuzz import targets
from tests.fuzz.__main__ import CORPUS, LONGEST, NAMES, main
from tests.fuzz.seeds import HEAD, seeds
from tests.fuzz.shapes import SHAPES
from tests.fuzz.words import dictionary, words

if TYPE_CHECKING:
    from pathlib import Path

SECONDS: Final = 20
"""CPU time; the promise is 5 s, and the machine may be slow or busy."""
MEGABYTES: Final = 500
_LIMITED: Final = f"""
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
resource.setrlimit(resource.RLIMIT_DATA, ({MEGABYTES << 20}, {MEGABYTES << 20}))
sys.argv = ["netreconcile", *sys.argv[1:]]
runpy.run_module("netreconcile", run_name="__main__")
"""


_PLANNED: Final = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_CPU, ({SECONDS}, {SECONDS}))
resource.setrlimit(resource.RLIMIT_DATA, ({MEGABYTES << 20}, {MEGABYTES << 20}))
from netreconcile.allowance import EVERYTHING
from netreconcile.loader import load
from netreconcile.observed import Guest
from netreconcile.plan import plan
from netreconcile.render import plan_lines
from tests.unit.examples import host, there
before, after = (load([name]).topology for name in sys.argv[1:])
guest = Guest("web", "52:54:00:00:00:99", "vnet7")
known = host(*(there(item, item, name=name, guests=(guest,)) for name, item in before.networks.items()))
print(len(list(plan_lines(plan(after, known, allowed=EVERYTHING), known))))
"""
PATTERNS: Final = ", ".join(f"'{'*a' * 20}{number}'" for number in range(9_000))


def _reservations(count: int, name: str = "host") -> str:
    hosts = (
        f"{{mac: '52:54:00:00:{i >> 8:02x}:{i & 255:02x}', name: {name}-{i}, ip: 10.1.{i >> 8}.{i & 255}}}"
        for i in range(count)
    )
    return f"networks: {{n: {{mode: nat, ips: [{{address: 10.0.0.1/8, dhcp: {{hosts: [{', '.join(hosts)}]}}}}]}}}}\n"


def _many_networks(count: int) -> str:
    """Return networks of which libvirt is to choose every second one's bridge."""
    named = (f"  n{i}: {{mode: very-isolated{f', bridge: b{i}' if i % 2 else ''}}}\n" for i in range(count))
    return "networks:\n" + "".join(named)


def limited(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command line within the limits."""
    return subprocess.run(  # noqa: PLW1510 -- the exit code is what is asked for
        [sys.executable, "-c", _LIMITED, *arguments], capture_output=True, text=True, cwd=CORPUS.parents[2]
    )


def ends_well(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode in (0, 65), ran.stderr[-2000:]
    assert "Traceback" not in ran.stderr
    lines = ran.stderr.splitlines()
    assert 0 < len(lines) < 2500
    assert all(line.isprintable() and len(line) < 5000 for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_kept_breaks_no_promise(name: str) -> None:
    files = sorted((CORPUS / name).iterdir())
    assert files
    for path in files:
        try:
            targets.TARGETS[name](path.read_bytes())
        except Exception as error:
            raise AssertionError(f"python -m tests.fuzz {name} --input {path}") from error


@pytest.mark.parametrize("name", NAMES)
def test_the_seeds_break_no_promise(name: str) -> None:
    for number, seed in enumerate(seeds(name)):
        try:
            targets.TARGETS[name](seed)
        except Exception as error:
            raise AssertionError(f"seed {number} of {name}") from error


def test_the_corpus_is_small_and_named_by_content() -> None:
    files = [path for name in NAMES for path in (CORPUS / name).iterdir()]
    assert all(path.name == hashlib.sha1(path.read_bytes()).hexdigest() for path in files)  # noqa: S324 -- libFuzzer's
    assert max(path.stat().st_size for path in files) <= LONGEST
    assert sum(path.stat().st_size for path in files) < 1 << 20
    assert {path.name for path in CORPUS.iterdir()} == set(NAMES)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_hostile_file_of_the_largest_size_ends_soon_and_small(shape: str, tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(SHAPES[shape]())
    ends_well(limited("validate", str(file)))


def test_many_hostile_files_end_soon_and_small(tmp_path: Path) -> None:
    for number in range(2000):
        networks = "".join(f"  n{number}-{i}: {{mode: very-isolated, mtu: 60, state: inactive}}\n" for i in range(9))
        (tmp_path / f"{number}.yaml").write_text(f"{HEAD}networks:\n{networks}")
    ends_well(limited("validate", str(tmp_path)))


def test_ten_thousand_reservations_with_comments_are_within_the_limits(tmp_path: Path) -> None:
    hosts = "".join(
        f"            # number {i}, which somebody has asked for\n"
        f"            - mac: 52:54:00:00:{i >> 8:02x}:{i & 255:02x}\n"
        f"              name: host-{i}  # with a name of its own\n"
        f"              ip: 10.1.{i >> 8}.{i & 255}\n"
        "              lease: 12h\n"
        for i in range(10_000)
    )
    file = tmp_path / "t.yaml"
    ips = f"    ips:\n      - address: 10.0.0.1/8\n        dhcp:\n          hosts:\n{hosts}"
    file.write_text(f"{HEAD}networks:\n  n:\n    mode: nat\n{ips}")
    ran = limited("validate", str(file))
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (_reservations(1), _reservations(17_000)),
        (_reservations(9_000), _reservations(9_000, "renamed")),
        ("networks: {}\n", _many_networks(14_000)),
        ("networks: {}\n", f"policy: {{protected_networks: [{PATTERNS}]}}\n{_many_networks(9_000)}"),
    ],
    ids=["many more", "all renamed", "many networks", "many patterns"],
)
def test_the_plan_for_a_hostile_file_is_made_soon_and_small(before: str, after: str, tmp_path: Path) -> None:
    for name, text in (("before", before), ("after", after)):
        (tmp_path / name).write_text(f"{HEAD}{text}")
    ran = subprocess.run(  # noqa: PLW1510 -- the exit code is what is asked for
        [sys.executable, "-c", _PLANNED, tmp_path / "before", tmp_path / "after"],
        capture_output=True,
        text=True,
        cwd=CORPUS.parents[2],
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert int(ran.stdout) > 5000


def test_the_dictionary_has_the_model_and_libvirt() -> None:
    assert {"networks: ", "mode: ", "<bridge", ' macTableManager="', "very-isolated"} <= set(words())
    assert all(line.startswith('"') and line.endswith('"') and line.isascii() for line in dictionary().splitlines())


def test_no_line_of_a_plan_drives_a_terminal() -> None:
    text = f'{HEAD}networks: {{n: {{mode: very-isolated, description: "a\\n+ prod: create"}}}}\n'
    host = "=== config\n<network><name>n</name><bridge name='&#x9b;31m'/></network>"
    lines = targets.lines_of(f"{text}{host}".encode())
    assert len(lines) > 1
    assert all(line.isprintable() for line in lines)


def test_one_input_is_run_again(tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_text(HEAD)
    assert main(["topology", "--input", str(file)]) == 0
