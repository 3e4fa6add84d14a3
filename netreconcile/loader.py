"""Topology files to one `Topology`, or to everything that is wrong with them at once, each with its position."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from netreconcile.binding import ShortFor, bindings
from netreconcile.checks import check
from netreconcile.errors import InvalidTopology, Path, Position, Problem, Severity
from netreconcile.model import Element, Network, Policy, Topology
from netreconcile.reader import Document, read, read_files

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

_TOP_LEVEL = ("version", "name", "policy", "defaults", "networks")
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


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of a topology come from, for messages about it."""

    documents: tuple[Document, ...]

    def position(self, path: Path, *, key: bool = False) -> Position | None:
        """Return where a value stands, with `key` its key; a value that comes from `defaults` stands there."""
        candidates = [self._holder(path)]
        if path[:1] == ("networks",):
            candidates.append(self._holder(("defaults", *path[2:])))
        best = max(
            (item for item in candidates if item is not None),
            key=lambda item: (item[1] - len(item[2]), item[2][0] == "networks"),
            default=None,
        )
        if best is None:
            return self.documents[0].position(()) if self.documents else None
        document, _, there = best
        return document.key_position(there) if key else document.position(there)

    def _holder(self, path: Path) -> tuple[Document, int, Path] | None:
        """Return the file that holds most of the path, how many of its parts, and the path."""
        depths = [(_depth(document.value, path), document) for document in self.documents]
        depth, document = max(depths, key=lambda item: item[0], default=(0, None))
        return (document, depth, path) if document and depth else None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A valid topology, the warnings about it, and where its parts stand."""

    topology: Topology
    warnings: tuple[Problem, ...]
    source: Source


def load(arguments: Sequence[str], *, strict: bool = False) -> Loaded:
    """Return the topology that files and directories make together; `-` is standard input.

    With `strict` warnings are errors. Raises InvalidTopology with all problems.
    """
    return _loaded(Source(read_files(arguments)), strict=strict)


def load_text(text: str, file: str) -> Loaded:
    """Return the topology in a text; `file` names it in messages. Raises InvalidTopology with all problems."""
    return _loaded(Source((read(text.encode(), file),)), strict=False)


def _loaded(source: Source, *, strict: bool) -> Loaded:
    problems: list[Problem] = []
    parts = _joined(source, problems)
    networks = _networks(parts, source, problems)
    policy = Policy() if problems else Policy.model_validate(parts.get("policy") or {})
    name = parts.get("name") or "unnamed"
    topology = Topology.model_construct(version=1, name=name, policy=policy, networks=networks)
    problems += (_placed(problem, source) for problem in check(topology))
    # What defaults say wrong is found in each network again: told once, where it stands.
    once = {(problem.position, problem.code, problem.message): problem for problem in reversed(problems)}
    unique = tuple(sorted(once.values(), key=_by_position))
    if any(strict or problem.severity is Severity.ERROR for problem in unique):
        raise InvalidTopology(unique)
    return Loaded(topology, unique, source)


def _joined(source: Source, problems: list[Problem]) -> dict[str, Any]:
    """Return the top-level keys of all files as one mapping."""
    parts: dict[str, Any] = {"networks": {}}
    for document in source.documents:
        value = {} if document.value is None else document.value
        if not isinstance(value, dict):
            message = f"the file holds a {_kind(value)}, not a mapping with the keys {', '.join(_TOP_LEVEL)}"
            problems.append(Problem("not-a-mapping", message, (), document.position(())))
            continue
        for key, item in value.items():
            problem = _join(parts, key, item)
            if problem:
                place = document.key_position(problem.path) if problem.path else document.position(())
                problems.append(replace(problem, position=place))
    if not any(document.value for document in source.documents):
        if not problems:
            where = source.documents[0].position(()) if source.documents else None
            problems.append(Problem("empty", "there is nothing in the topology", (), where, "start with `version: 1`"))
        return parts
    for key in ("version", "name"):
        if key not in parts and not any(problem.path == (key,) for problem in problems):
            hint = (
                "add `version: 1`"
                if key == "version"
                else "it is the owner mark of the networks, e.g. `name: home-lab`"
            )
            problems.append(Problem("missing-key", f"{key} is missing", (), source.documents[0].position(()), hint))
    problems += (replace(item, position=source.position(item.path)) for item in _head_problems(parts))
    return parts


def _join(  # noqa: PLR0911 -- one return a rule
    parts: dict[str, Any], key: str, item: object
) -> Problem | None:
    """Put one file's top-level key into the parts, or say why it can't be."""
    if key not in _TOP_LEVEL:
        return Problem("unknown-key", f"unknown key {key!r}", (key,), hint=_nearest(key, _TOP_LEVEL))
    if item is None:
        return None
    if key in ("networks", "defaults", "policy") and not isinstance(item, dict):
        return Problem("wrong-type", f"must be a mapping, not a {_kind(item)}", (key,))
    if key == "networks" and isinstance(item, dict):
        twice = next((name for name in item if name in parts["networks"]), None)
        parts["networks"].update(item)
        if twice is not None:
            return Problem("duplicate-network", "another file has a network of this name", ("networks", twice))
    elif key in ("defaults", "policy") and key in parts:
        return Problem(f"two-{key}", f"another file has {key} already, which counts for all files", (key,))
    elif parts.setdefault(key, item) != item:
        return Problem("files-disagree", f"is {item!r} here and {parts[key]!r} in another file", (key,))
    return None


def _head_problems(parts: dict[str, Any]) -> Iterator[Problem]:
    head = {key: parts[key] for key in ("version", "name", "policy") if key in parts}
    try:
        Topology.model_validate({"version": 1, "name": "x", **head})
    except ValidationError as error:
        yield from (_problem(details, Topology, ()) for details in error.errors())


def _networks(parts: dict[str, Any], source: Source, problems: list[Problem]) -> dict[str, Network]:
    defaults = parts.get("defaults") or {}
    if defaults:
        _, found = _network({"mode": "nat", **defaults}, ("defaults",))
        problems += (_placed(problem, source) for problem in found)
    networks = {}
    for name, own in parts["networks"].items():
        path = ("networks", name)
        if own is not None and not isinstance(own, dict):
            problem = Problem("wrong-type", f"must be a mapping, not a {_kind(own)}", path)
            problems.append(_placed(problem, source))
            continue
        network, found = _network(_merged(Network, defaults, own or {}), path)
        problems += (_placed(problem, source) for problem in found)
        if network is not None:
            networks[name] = network
    return networks


def _network(data: dict[str, Any], path: Path) -> tuple[Network | None, list[Problem]]:
    try:
        return Network.model_validate(data), []
    except ValidationError as error:
        return None, [_problem(details, Network, path) for details in error.errors()]


def _merged(model: type[Element] | None, below: Any, above: Any) -> Any:
    """Return `above` with what only `below` has; mappings merge, also those that a scalar is short for."""
    if model is not None:
        below, above = model.expanded(below), model.expanded(above)
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    merged = {**below, **above}
    for name, field in model.model_fields.items() if model else ():
        for short in (item for item in field.metadata if isinstance(item, ShortFor)):
            if (name in above) != (short.field in above):  # the other one, said below, counts no more
                merged.pop(short.field if name in above else name, None)
    for key in below.keys() & above.keys():
        merged[key] = _merged(_field_model(model, key), below[key], above[key])
    return merged


def _by_position(problem: Problem) -> tuple[str, int, int, str]:
    place = problem.position
    return (place.file, place.line, place.column, str(problem)) if place else ("", 0, 0, str(problem))


def _placed(problem: Problem, source: Source) -> Problem:
    return replace(problem, position=source.position(problem.path, key=problem.code == "unknown-key"))


def _problem(details: ErrorDetails, model: type[Element], path: Path) -> Problem:
    """Return pydantic's finding in the words of the file."""
    place = (*path, *details["loc"])
    kind, value, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "extra_forbidden":
        known = tuple(_owner(model, details["loc"]).model_fields)
        return Problem("unknown-key", "unknown key", place, hint=_nearest(str(details["loc"][-1]), known))
    if kind == "value_error":
        return Problem("bad-value", str(context.get("error", details["msg"])), place)
    sentence = _SENTENCES.get(kind, details["msg"]).format(**context)
    if kind == "missing":
        hint = "one of nat, route, open, isolated, very-isolated, bridge, …" if place[-1] == "mode" else ""
        return Problem("missing-key", f"{place[-1]} is missing", place[:-1], hint=hint)
    hint = ""
    if kind == "string_type" and isinstance(value, (int, float)):
        hint = f'put it in quotes: "{str(value).lower() if isinstance(value, bool) else value}"'
    shown = _kind(value) if isinstance(value, (dict, list)) else repr(value)
    return Problem(
        "wrong-type" if kind.endswith("_type") else "bad-value", f"{sentence}, not {_short(shown)}", place, hint=hint
    )


def _owner(model: type[Element], loc: Sequence[str | int]) -> type[Element]:
    """Return the model whose key the last part of the location is."""
    for part in loc[:-1]:
        model = _field_model(model, part) or model
    return model


def _field_model(model: type[Element] | None, key: str | int) -> type[Element] | None:
    """Return the model of a field's value or of its list's items, or None."""
    found = next((item for item in bindings(model) if item.name == key), None) if model else None
    return found.model if found else None


def _nearest(key: str, known: Sequence[str]) -> str:
    """Return the hint for an unknown key; libvirt's own spelling counts as near."""
    snake = _LIBVIRT_NAMES.sub("_", key).lower().replace("-", "_")
    for candidate in (snake, f"{snake}s"):
        if candidate in known:
            return f"did you mean {candidate!r}?"
    close = difflib.get_close_matches(snake, known, 1)
    return f"did you mean {close[0]!r}?" if close else f"known here: {', '.join(known)}"


def _depth(value: Any, path: Path) -> int:
    """Return how many parts of the path lead somewhere in the value."""
    for depth, part in enumerate(path):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)


def _kind(value: object) -> str:
    return "mapping" if isinstance(value, dict) else "list" if isinstance(value, list) else "single value"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 1]}…"
