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


_INK = "#808080"
_COLOURS = {
    "kernel": "#1f6feb",
    "afar": "#8250df",
    "netreconcile": "#3fa7d6",
    "bare": "#2da44e",
    "virsh": "#d4762c",
    "ansible": "#bf4b8a",
}
"""The colour of each command with the word in its name; the first word counts."""
_STROKES = {"solid": "1, 0", "dashed": "10, 5", "dotted": "2, 4", "dash-dotted": "12, 4, 2, 4", "short-dashed": "5, 3"}


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
    """Write a plot to the file: a line for each command of each job that was measured in several sizes.

    A command has a colour, a job a kind of line; both can be told apart on a light page and on a dark one.
    """
    import pygal  # and not matplotlib: deepdiff loads numpy where it finds it, which would slow down what is measured
    from pygal.style import Style

    lines: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for group in groups:
        for name, samples in group.samples.items() if group.size else ():
            point = math.log10(group.size), math.log10(_spread(samples, "seconds").median)
            lines.setdefault((group.name, name), []).append(point)
    drawn = {line: points for line, points in lines.items() if len(points) > 1 and _colour(line[1])}
    strokes = dict(zip(dict.fromkeys(job for job, _ in drawn), _STROKES, strict=False))
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground=_INK,
        foreground_strong=_INK,
        foreground_subtle=_INK,
        guide_stroke_color=_INK,
        major_guide_stroke_color=_INK,
        font_family="sans-serif",
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=11,
        stroke_width="2.5",
        colors=tuple(_colour(name) for _, name in drawn),
    )
    chart = pygal.XY(
        title="Seconds that a command takes",
        x_title="networks, or DHCP hosts",
        x_labels=range(5),
        y_labels=range(-2, 3),
        x_value_formatter=_power,
        value_formatter=_power,
        legend_at_bottom=True,
        legend_at_bottom_columns=2,
        truncate_legend=-1,
        width=1000,
        height=700,
        style=style,
        js=[],
    )
    for (job, name), points in drawn.items():
        stroke = {"dasharray": _STROKES[strokes[job]]}
        chart.add(f"{job} ({strokes[job]}): {name}", points, stroke_style=stroke)
    file.write_bytes(chart.render())


def _colour(command: str) -> str:
    """Return the colour of a command, empty where it isn't worth a line."""
    return next((colour for word, colour in _COLOURS.items() if word in command), "")


def _power(exponent: float) -> str:
    return f"{10**exponent:g}"


def _spread(samples: Iterable[Sample], what: str) -> Spread:
    return Spread.of([getattr(sample, what) for sample in samples])
