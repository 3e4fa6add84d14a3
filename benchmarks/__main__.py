"""`python -m benchmarks`: measure netreconcile beside a bare libvirt-python script and its peers, in one run.

Peers take part if they are on the PATH: `virsh`, and `ansible-playbook` with the collection community.libvirt.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import groups, micro, report
from benchmarks.groups import Group

if TYPE_CHECKING:
    from collections.abc import Iterator

DOCUMENT = "performance-table.md"
PLOT = "performance.svg"


def main() -> None:
    """Measure what is asked for, and print the table; with --out, write it and the plot into a folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    jobs = {
        "start-up": _start_up,
        "drift": _drift,
        "apply": _apply,
        "change": _change,
        "teardown": _teardown,
        "micro": _micro,
    }
    parser.add_argument("job", nargs="*", choices=[*jobs, []], default=[], help="what to measure (default: everything)")
    parser.add_argument("--rounds", type=int, default=9, help="runs of each command (default: %(default)s)")
    parser.add_argument(
        "--largest", type=int, default=500, help="leave out larger numbers of networks (default: %(default)s)"
    )
    parser.add_argument("--out", type=Path, help=f"the folder for {DOCUMENT} and {PLOT}")
    options = parser.parse_args()
    found: list[Group] = []
    for name, job in jobs.items():
        if not options.job or name in options.job:
            for group in job(options.rounds, options.largest):
                print(f"measured: {group.name} {group.size or ''}", file=sys.stderr)
                found.append(group)
    lines = list(report.table(found))
    print("\n".join(lines))
    if options.out:
        (options.out / DOCUMENT).write_text("\n".join(lines) + "\n")
        report.draw(found, options.out / PLOT)


def _start_up(rounds: int, _: int) -> Iterator[Group]:
    yield from groups.start_up(rounds)


def _drift(rounds: int, largest: int) -> Iterator[Group]:
    for networks in (1, 10, 100, 500):
        if networks <= largest:
            yield from groups.drift(rounds, networks)
    for hosts in (1000, 10_000):
        yield from groups.drift(rounds, 1, hosts)


def _apply(rounds: int, largest: int) -> Iterator[Group]:
    for networks in (1, 10, 50):
        if networks <= largest:
            yield from groups.apply(max(3, rounds // 2), networks)


def _change(rounds: int, largest: int) -> Iterator[Group]:
    for networks in (10, 100):
        if networks <= largest:
            yield from groups.change(rounds, networks)


def _teardown(rounds: int, largest: int) -> Iterator[Group]:
    for networks in (1, 10):
        if networks <= largest:
            yield from groups.teardown(max(3, rounds // 2), networks)


def _micro(rounds: int, largest: int) -> Iterator[Group]:
    sizes = [("inside, networks", count, 2) for count in (100, 1000) if count <= 2 * largest]
    sizes += [("inside, 1 network, DHCP hosts", 1, hosts) for hosts in (1000, 10_000)]
    for name, networks, hosts in sizes:
        parts = micro.parts(networks, hosts)
        samples = {part: micro.timed(run, rounds) for part, run in parts.items()}
        yield Group(name, max(networks, hosts if networks == 1 else 0), next(iter(parts)), samples)


if __name__ == "__main__":
    main()
