"""What a YAML scalar means: one reading that YAML 1.1 and 1.2 share, or an error. Knows no files and no positions."""

from __future__ import annotations

import re
from typing import Final

Scalar = str | int | float | bool | None

TAG_PREFIX: Final = "tag:yaml.org,2002:"
"""What `!!` stands for."""

MAX_NUMBER: Final = 40
"""Longest number in characters; a 128-bit integer and its sign fit, and `int()` stays cheap."""

_SHOWN: Final = 60
_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMBER_START: Final = frozenset("+-.0123456789")
_INTEGER: Final = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION: Final = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?")
_UNCLEAR: Final = re.compile(
    r"[-+]?(0x[0-9a-fA-F_]+|0o[0-7_]+|0b[01_]+|([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?)"
)
_TYPES: Final[dict[str, type[object]]] = {"int": int, "float": float, "bool": bool, "null": type(None)}


class ScalarError(ValueError):
    """A scalar has no meaning that every reader shares; `code`, the sentence and `hint` go into a Problem."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.hint = hint


def shown(text: str) -> str:
    """Return the text quoted for a message: on one line, and cut where it is long."""
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")


def plain(text: str) -> Scalar:
    """Return what an unquoted scalar means.

    | written                                          | read as                                       |
    |--------------------------------------------------|-----------------------------------------------|
    | `true True TRUE false False FALSE`               | bool                                          |
    | `null Null NULL ~` and nothing                   | None                                          |
    | `0 12 -7 +7`                                     | int                                           |
    | `1.5 -0.5 .5 1. 1.5e+3 .inf -.Inf .nan`          | float                                         |
    | `yes no on off y n = <<`                         | text (YAML 1.1 says bool, value, merge)       |
    | `52:54:00:12:34:56 12:30` (MAC, DUID, time)      | text (YAML 1.1 says base 60)                  |
    | `2001-01-01 2001-01-01T10:00:00Z`                | text (YAML 1.1 says date)                     |
    | `10.0.0.1 10.0.0.0/8 1-9 0x0a.1`, UUIDs          | text                                          |
    | `010 -010 00 09 0o10 0x1F 0b1 1_000 1_0.5`       | error: YAML versions differ, or base is not 10 |
    | `1e3 5254001234e5 1.5e3`                         | error: float in YAML 1.2, text in 1.1         |
    | a number of more than `MAX_NUMBER` characters    | error                                         |

    Raises: ScalarError where the table says error.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_START or not _UNCLEAR.fullmatch(text):
        return text
    whole = _INTEGER.fullmatch(text)
    if not whole and not _FRACTION.fullmatch(text):
        message = f"{shown(text)} is a number to some YAML readers, and another number or text to others"
        raise ScalarError("ambiguous-number", message, "quote it, or write the number in decimal")
    if len(text) > MAX_NUMBER:
        message = f"the number {shown(text)} has {len(text)} characters, more than {MAX_NUMBER}"
        raise ScalarError("number-too-long", message, "quote it if it is text")
    return int(text) if whole else float(text)


def tagged(tag: str, text: str) -> Scalar:
    """Return what a scalar with an explicit tag means: `!!str 010` is the text 010, `!!int "5"` the number 5.

    Raises: ScalarError if the tag is not a core one, or the text is no such value.
    """
    kind = tag.removeprefix(TAG_PREFIX)
    if tag == "!" or (kind == "str" and kind != tag):
        return text
    if kind == tag or kind not in _TYPES:
        raise unknown_tag(tag)
    value = plain(text)
    if kind == "float" and type(value) is int:
        return float(value)
    if type(value) is not _TYPES[kind]:
        raise ScalarError("wrong-tag", f"{shown(text)} is no !!{kind}", "remove the tag")
    return value


def unknown_tag(tag: str) -> ScalarError:
    """Return the error for a tag that does not belong where it stands."""
    written = "!!" + tag.removeprefix(TAG_PREFIX) if tag.startswith(TAG_PREFIX) else tag
    return ScalarError(
        "unknown-tag", f"the tag {shown(written)} has no meaning here", "quote the value, or remove the tag"
    )
