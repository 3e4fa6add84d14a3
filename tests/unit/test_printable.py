"""Whatever a text holds, it is shown on one line and drives no terminal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netreconcile.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("web-1 é 😀 日本", "web-1 é 😀 日本"),
        ("a\n+ prod: create", "a\\n+ prod: create"),
        ("\x1b[2J\x9b31m\x07", "\\x1b[2J\\x9b31m\\x07"),
        ("a\u202eb\u2066\u200f", "a\\u202eb\\u2066\\u200f"),
        ("a\u2028b\x85c\xa0d\ufeff", "a\\u2028b\\x85c\\xa0d\\ufeff"),
        ("\ud800\U000e0001", "\\ud800\\U000e0001"),
        ("a\\nb", "a\\nb"),
    ],
)
def test_what_a_terminal_would_obey_is_shown_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text(), st.integers(1, 9))
def test_every_text_is_shown_on_one_line(text: str, longest: int) -> None:
    assert printable(text).isprintable()
    assert printable(text) == text or not text.isprintable()
    assert printable("é" * 20, longest) == "é" * (longest - 1) + "…"
    assert printable("é" * longest, longest) == "é" * longest
