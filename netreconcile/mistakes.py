"""What pydantic finds wrong with a file, in the words of the file."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from netreconcile.binding import bindings
from netreconcile.errors import Path, Problem
from netreconcile.model import Element

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

_WIDEST = 80
_LIBVIRT_NAMES = re.compile(r"(?<!^)(?=[A-Z])")
_SENTENCES = {
    "missing": "is missing",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "tuple_type": "must be a list",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "greater_than_equal": "must be {ge} or more",
    "less_than_equal": "must be {le} or less",
    "literal_error": "must be {expected}",
    **dict.fromkeys(("string_too_short", "too_short"), "must not be empty"),
    **dict.fromkeys(("string_too_long", "too_long"), "must have at most {max_length} characters"),
}
_MISSING: dict[str | int, str] = {
    "mode": "one of nat, route, open, isolated, very-isolated, bridge, …",
    "version": "add `version: 1`",
}


def mistake(details: ErrorDetails, model: type[Element], path: Path) -> Problem:
    """Return pydantic's finding about a value that stands at the path."""
    place = (*path, *details["loc"])
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = tuple(_owner(model, details["loc"]).model_fields)
        return Problem("unknown-key", "unknown key", place, hint=nearest(str(details["loc"][-1]), known))
    if kind == "value_error":
        return Problem("bad-value", str(context.get("error", details["msg"])), place)
    sentence = _SENTENCES.get(kind, details["msg"]).format(**context)
    if kind == "missing":
        return Problem("missing-key", f"{place[-1]} is missing", place[:-1], hint=_MISSING.get(place[-1], ""))
    hint = ""
    if kind == "string_type" and isinstance(value, (int, float)):
        hint = f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    shown = kind_of(value) if isinstance(value, (dict, list)) else repr(value)
    return Problem(
        "wrong-type" if kind.endswith("_type") else "bad-value", f"{sentence}, not {_short(shown)}", place, hint=hint
    )


def _owner(model: type[Element], loc: Sequence[str | int]) -> type[Element]:
    """Return the model whose key the last part of the location is."""
    for part in loc[:-1]:
        model = field_model(model, part) or model
    return model


def field_model(model: type[Element] | None, key: str | int) -> type[Element] | None:
    """Return the model of a field's value or of its list's items, or None."""
    if model is None or not isinstance(key, str) or key not in model.model_fields:
        return None
    found = next((item.model for item in bindings(model) if item.name == key), None)
    kind = model.model_fields[key].annotation
    return found or (kind if isinstance(kind, type) and issubclass(kind, Element) else None)


def nearest(key: str, known: Sequence[str]) -> str:
    """Return the hint for an unknown key; libvirt's own spelling counts as near."""
    snake = _LIBVIRT_NAMES.sub("_", key).lower().replace("-", "_")
    for candidate in (snake, f"{snake}s"):
        if candidate in known:
            return f"did you mean {candidate!r}?"
    import difflib  # most files have no mistake

    close = difflib.get_close_matches(snake, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def kind_of(value: object) -> str:
    """Return what YAML calls such a value."""
    return "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "single value"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
