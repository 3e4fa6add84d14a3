"""Benchmarks as a Markdown table and a plot."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchmarks.timing import Spread, ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from benchmarks.groups import Group
    from benchmarks.timing import Sample


def table(groups: Sequence[Group]) -> Iterator[str]:
    """Yield the lines of one table for all groups."""
    yield "| job | size | command | seconds, median (quartiles) | times the base, paired | CPU s | peak MiB |"
    yield "|---|---|---|---|---|---|---|"
    for group in groups:
        base = group.samples[group.base]
        for name, samples in group.samples.items():
            size = f"{group.size}" if group.size else ""
            compared = "base" if name == group.base else str(ratio(samples, base))
            seconds, cpu, peak = (_spread(samples, what) for what in ("seconds", "cpu", "peak"))
            yield (
                f"| {group.name} | {size} | {name} | {seconds.median:.3f} ({seconds.low:.3f}-{seconds.high:.3f}) "
                f"| {compared} | {cpu.median:.2f} | {peak.median:.0f} |"
            )


def draw(groups: Sequence[Group], file: Path) -> None:
    """Write a plot to the file: a line for each command of each job, its median time by size, both in powers of ten."""
    import pygal  # and not matplotlib: deepdiff loads numpy where it finds it, which would slow down what is measured

    chart = pygal.XY(
        title="Seconds by size, medians, both axes in powers of ten",
        x_title="networks, or DHCP hosts: 10 to the power of",
        y_title="seconds: 10 to the power of",
        legend_at_bottom=True,
        legend_at_bottom_columns=3,
        truncate_legend=-1,
        width=1000,
        height=700,
        js=[],
    )
    lines: dict[str, list[tuple[float, float]]] = {}
    for group in groups:
        for name, samples in group.samples.items() if group.size else ():
            point = math.log10(group.size), math.log10(_spread(samples, "seconds").median)
            lines.setdefault(f"{group.name}: {name}", []).append(point)
    for name, points in lines.items():
        chart.add(name, points)
    file.write_bytes(chart.render())


def _spread(samples: Iterable[Sample], what: str) -> Spread:
    return Spread.of([getattr(sample, what) for sample in samples])
