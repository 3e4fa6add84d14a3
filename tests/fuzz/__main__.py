"""`python -m tests.fuzz TARGET…`: feed mutated inputs to targets for a time, guided by which code they reach.

The inputs in `corpus/` are the start, with the seeds; they don't change unless `--keep` says so.
"""
# ruff: noqa: T201 -- the command line prints

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

CORPUS: Final = Path(__file__).parent / "corpus"
NAMES: Final = ("topology", "network_xml", "plan")
LONGEST: Final = 8192
"""Bytes of an input."""
_SECONDS_FOR_ONE: Final = 5
_MEGABYTES: Final = 500
_UNAVAILABLE: Final = 69
_NO_ATHERIS: Final = "fuzzing needs atheris: pip install atheris (Linux and macOS, CPython 3.11 to 3.13)"


def main(argv: Sequence[str] | None = None) -> int:
    """Fuzz, or run one input again, and return an exit code: 0 if no promise is broken."""
    parser = _parser()
    options = parser.parse_args(argv)
    names: Sequence[str] = options.target or NAMES
    if unknown := [name for name in names if name not in NAMES]:
        parser.error(f"there is no target {unknown[0]!r}, but {', '.join(NAMES)}")
    if options.input:
        from tests.fuzz.targets import TARGETS

        for name in names:
            TARGETS[name](options.input.read_bytes())
        return 0
    if importlib.util.find_spec("atheris") is None:
        print(_NO_ATHERIS, file=sys.stderr)
        return _UNAVAILABLE
    found = options.found or Path(tempfile.mkdtemp(prefix="netreconcile-fuzz-"))
    with tempfile.TemporaryDirectory(prefix="netreconcile-corpus-") as folder:
        scratch = Path(folder)
        running = {name: _fuzz(name, options, scratch, found) for name in names}
        failed = [name for name, process in running.items() if process.wait()]
        for name in failed:
            print(f"\n=== {name}: the end of its log\n{_tail(scratch / f'{name}.log')}")
            print(f"{name}: FAILED; the input is in {found}: python -m tests.fuzz {name} --input FILE")
        for name in [] if failed else names:
            print(f"{name}: {_runs(scratch / f'{name}.log')}")
            if options.keep:
                _keep(name, scratch)
    if not any(found.iterdir()):
        found.rmdir()
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    add = parser.add_argument
    add("target", nargs="*", metavar="TARGET", help=f"{', '.join(NAMES)}; all if left out")
    add("--seconds", type=int, default=60, metavar="N", help="how long; targets run at once (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N", help="the same one tries the same (default: %(default)s)")
    add("--found", type=Path, metavar="DIR", help="where inputs go that break a promise (default: a new folder)")
    add("--keep", action="store_true", help="keep the inputs that reached more, and only what is needed of the others")
    add("--input", type=Path, metavar="FILE", help="run this input only, with a traceback if it breaks a promise")
    return parser


def _fuzz(name: str, options: argparse.Namespace, scratch: Path, found: Path) -> subprocess.Popen[bytes]:
    """Start the fuzzer of a target; what it finds interesting goes to a folder of its own, not into the corpus."""
    from tests.fuzz.seeds import seeds
    from tests.fuzz.words import dictionary

    fresh, start = scratch / name, scratch / f"{name}.seeds"
    for folder in (fresh, start, found):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (start / str(number)).write_bytes(seed)
    (scratch / "words").write_text(dictionary())
    flags = (
        f"-seed={options.seed}",
        f"-max_total_time={options.seconds}",
        f"-timeout={_SECONDS_FOR_ONE}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-max_len={LONGEST}",
        f"-dict={scratch / 'words'}",
        f"-artifact_prefix={found}/{name}-",
        "-print_final_stats=1",
    )
    with (scratch / f"{name}.log").open("wb") as log:
        return _worker(name, *flags, str(fresh), str(CORPUS / name), str(start), log=log)


def _keep(name: str, scratch: Path) -> None:
    """Make the corpus the smallest one that reaches all that it and the new inputs reach."""
    merged, control = scratch / f"{name}.merged", scratch / f"{name}.control"
    merged.mkdir()
    folders = (str(merged), str(CORPUS / name), str(scratch / name), str(scratch / f"{name}.seeds"))
    with (scratch / f"{name}.merge.log").open("wb") as log:
        flags = ("-merge=1", "-use_counters=0", f"-max_len={LONGEST}", f"-merge_control_file={control}")
        code = _worker(name, *flags, *folders, log=log).wait()
    assert code == 0, _tail(scratch / f"{name}.merge.log")
    shutil.rmtree(CORPUS / name, ignore_errors=True)
    shutil.copytree(merged, CORPUS / name)
    print(f"{name}: {len(list(merged.iterdir()))} inputs are kept")


def _worker(name: str, *flags: str, log: IO[bytes]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.fuzz.worker", name, *flags]
    return subprocess.Popen(command, cwd=CORPUS.parents[2], stdout=log, stderr=subprocess.STDOUT)


def _tail(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-40:])


def _runs(log: Path) -> str:
    """Return how many inputs were run, as libFuzzer says at its end."""
    lines = log.read_text(errors="replace").splitlines()
    return next((line for line in lines if line.startswith("Done ")), "done")


if __name__ == "__main__":
    sys.exit(main())
