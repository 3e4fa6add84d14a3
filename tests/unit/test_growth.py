"""How the work of the core grows with networks and reservations: counted in function calls, so no clock is asked."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.micro import parts
from netreconcile.plan import plan
from netreconcile.reports.subject import subject
from tests.unit.examples import host, network, there, topology

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SMALL, LARGE = 40, 160
PARTS = tuple(parts(1))


def calls(work: Callable[[], object]) -> int:
    """Return how many functions the work calls, Python's own and those of C."""
    count = 0

    def profile(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    work()  # what is cached, is cached
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("part", PARTS)
def test_four_times_the_networks_are_at_most_four_times_the_work(part: str) -> None:
    small, large = (calls(parts(size)[part]) for size in (SMALL, LARGE))
    assert large < small * (LARGE / SMALL) * 1.1


@pytest.mark.parametrize("part", PARTS)
def test_ten_times_the_reservations_are_at_most_ten_times_the_work(part: str) -> None:
    small, large = (calls(parts(1, hosts)[part]) for hosts in (100, 1000))
    assert large < small * 10 * 1.1


def test_ten_times_the_differences_are_at_most_ten_times_the_work_of_a_report() -> None:
    def renamed(number: int) -> Callable[[], object]:
        old, new = (
            network(ips=[{"address": "10.0.0.1/16", "dhcp": {"hosts": [*_reservations(number, name)]}}])
            for name in ("old", "new")
        )
        wanted, before = topology(net=new), host(there(old, old))
        planned = plan(wanted, before)
        return lambda: subject("drift", planned, wanted, before)

    small, large = (calls(renamed(number)) for number in (100, 1000))
    assert large < small * 10 * 1.1


def _reservations(number: int, name: str) -> Iterator[dict[str, str]]:
    for each in range(number):
        yield {
            "mac": f"52:54:00:00:{each >> 8:02x}:{each & 255:02x}",
            "ip": f"10.0.{each // 250 + 1}.{each % 250 + 1}",
            "name": f"{name}{each}",
        }
