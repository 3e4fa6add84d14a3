"""How a look has ended, and what is worth telling of it after the one before. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MATCHES, DIFFERS, UNREACHABLE = 0, 2, 69
"""The exit codes of `drift` that are told apart here; with all others, too, it can't be told how the host stands."""


class Said(NamedTuple):
    """What was said, and how much it matters: a level of `logs.Level`, in small letters."""

    text: str
    level: str = "info"


class Outcome(NamedTuple):
    """How a look has ended: the exit code of `drift`, the lines about differences, and what it said besides.

    A line that is indented belongs to the difference above it.
    """

    code: int
    differences: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()

    @property
    def key(self) -> object:
        """Return what outcomes have in common that are the same to whoever is told.

        The paragraph about differences has times in it, and libvirt may be out of reach for one reason after another.
        """
        match self.code:
            case 2:
                return self.code, self.differences
            case 69:
                return self.code
            case _:
                return self.code, self.said


def news(before: Outcome | None, now: Outcome, subject: str) -> Iterator[Said]:
    """Yield what to tell besides the differences; nothing where the outcome is as before."""
    if before and before.key == now.key:
        return
    if before and before.code == UNREACHABLE:
        yield Said("libvirt answers again")
    if now.code == MATCHES:
        yield Said(f"{subject} matches again" if before and before.code != MATCHES else f"{subject} matches")
    yield from now.said


def standing(now: Outcome) -> str:
    """Return the outcome in a line."""
    if now.code == MATCHES:
        return "matches"
    if now.code == DIFFERS:
        first, *others = [line for line in now.differences if not line.startswith(" ")] or [""]
        return f"differs: {first}{f' and {len(others)} more' if others else ''}"
    return f"can't be told: {now.said[0].text.splitlines()[0] if now.said else f'exit code {now.code}'}"
