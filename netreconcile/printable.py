"""Texts of others, made fit to be shown: in messages, tables and reports, whatever they hold."""

from __future__ import annotations


def printable(text: str, longest: int | None = None) -> str:
    """Return a text that does nothing to a terminal, on one line, cut at `longest` characters.

    Escaped is whatever isn't seen as itself: control characters, line breaks, odd spaces, what turns the direction of
    writing. An escape counts as one character.
    """
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
