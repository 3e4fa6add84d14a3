"""Benchmarks as a Markdown table and a plot."""

from __future__ import annotations

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
    """Write a plot of time by size, one panel a job, to the file; needs matplotlib."""
    from matplotlib.figure import Figure

    jobs: dict[str, list[Group]] = {}
    for group in groups:
        if group.size:
            jobs.setdefault(group.name, []).append(group)
    figure = Figure(figsize=(4.5 * max(1, len(jobs)), 4), layout="constrained")
    for number, (job, sized) in enumerate(jobs.items(), start=1):
        axes = figure.add_subplot(1, len(jobs), number)
        for name in dict.fromkeys(name for group in sized for name in group.samples):
            points = [(group.size, group.samples[name]) for group in sized if name in group.samples]
            spreads = [_spread(samples, "seconds") for _, samples in points]
            axes.plot([size for size, _ in points], [spread.median for spread in spreads], marker="o", label=name)
        axes.set(title=job, xlabel="size", ylabel="seconds, median", xscale="log", yscale="log")
        axes.legend(fontsize="small")
    figure.savefig(file)


def _spread(samples: Iterable[Sample], what: str) -> Spread:
    return Spread.of([getattr(sample, what) for sample in samples])
