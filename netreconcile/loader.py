"""Topology files to one `Topology`, or to everything that is wrong with them at once, each with its position."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from netreconcile.binding import ShortFor
from netreconcile.checks import check
from netreconcile.compose import MAX_VALUES
from netreconcile.errors import InvalidTopology, Path, Position, Problem, Severity
from netreconcile.mistakes import field_model, kind_of, mistake, nearest
from netreconcile.model import Element, Network, Policy, Topology
from netreconcile.printable import printable
from netreconcile.reader import Document, read, read_files

E = TypeVar("E", bound=Element)

MAX_PROBLEMS: Final = 1000
"""Most errors that are told, and most warnings: nobody reads more, and a hostile file has 100 000."""
_LONGEST_MESSAGE: Final = 500
_TOP_LEVEL = ("version", "name", "policy", "defaults", "networks")


@dataclass(frozen=True, slots=True)
class Source:
    """Where the parts of a topology come from, for messages about it."""

    documents: tuple[Document, ...]
    _holders: Mapping[Path, Document] = field(init=False, repr=False, compare=False)
    """The first file that has a key of the top level, or a network."""

    def __post_init__(self) -> None:
        holders: dict[Path, Document] = {}
        for document in self.documents:
            for key, item in document.value.items() if isinstance(document.value, dict) else ():
                holders.setdefault((key,), document)
                for name in item if key == "networks" and isinstance(item, dict) else ():
                    holders.setdefault((key, name), document)
        object.__setattr__(self, "_holders", holders)

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
        """Return the file that holds the path, how many of its parts, and the path."""
        document = self._holders.get(path[:2]) or self._holders.get(path[:1])
        return (document, _depth(document.value, path), path) if document else None


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
    found = _Findings(source)
    parts = _joined(source, found)
    networks = _networks(parts, found)
    policy = Policy() if found.errors else Policy.model_validate(parts.get("policy") or {})
    name = parts.get("name") or "unnamed"
    topology = Topology.model_construct(version=1, name=name, policy=policy, networks=networks)
    for problem in check(topology):
        found.add(problem)
    problems = found.problems()
    if any(strict or problem.severity is Severity.ERROR for problem in problems):
        raise InvalidTopology(problems)
    return Loaded(topology, problems, source)


class _Findings:
    """Collects what is wrong: each thing once, at its place, fit to be shown, and no more than anybody reads."""

    def __init__(self, source: Source) -> None:
        self.errors: dict[tuple[object, ...], Problem] = {}
        self._source = source
        self._warnings: dict[tuple[object, ...], Problem] = {}
        self._more = 0

    def add(self, problem: Problem) -> None:
        """Keep the problem, unless it is known. Raises InvalidTopology if there are too many errors to go on."""
        is_error = problem.severity is Severity.ERROR
        kept = self.errors if is_error else self._warnings
        if len(kept) == MAX_PROBLEMS and not is_error:
            self._more += 1
            return
        position = problem.position or self._source.position(problem.path, key=problem.code == "unknown-key")
        message, hint = (printable(text, _LONGEST_MESSAGE) for text in (problem.message, problem.hint))
        # What defaults say wrong is found in each network again: told once, where it stands.
        key = (position, problem.code, message)
        if len(kept) == MAX_PROBLEMS and key not in kept:
            end = f"these are the first {MAX_PROBLEMS} errors; the rest is not told"
            raise InvalidTopology((*self.problems(), Problem("too-many-problems", end, position=position)))
        kept.setdefault(key, problem._replace(position=position, message=message, hint=hint))

    def problems(self) -> tuple[Problem, ...]:
        """Return them in the order of the files; what is an error somewhere isn't a warning, too."""
        once = {**self._warnings, **self.errors}
        found = sorted(once.values(), key=_by_position)
        if self._more:
            end = f"there are {self._more} more warnings"
            found.append(Problem("too-many-problems", end, position=found[-1].position, severity=Severity.WARNING))
        return tuple(found)


def _joined(source: Source, found: _Findings) -> dict[str, Any]:
    """Return the top-level keys of all files as one mapping."""
    parts: dict[str, Any] = {"networks": {}}
    for document in source.documents:
        value = {} if document.value is None else document.value
        if not isinstance(value, dict):
            message = f"the file holds a {kind_of(value)}, not a mapping with the keys {', '.join(_TOP_LEVEL)}"
            found.add(Problem("not-a-mapping", message, (), document.position(())))
            continue
        for key, item in value.items():
            problem = _join(parts, key, item)
            if problem:
                place = document.key_position(problem.path) if problem.path else document.position(())
                found.add(problem._replace(position=place))
    if not any(document.value for document in source.documents):
        if not found.errors:
            where = source.documents[0].position(()) if source.documents else None
            found.add(Problem("empty", "there is nothing in the topology", (), where, "start with `version: 1`"))
        return parts
    for key in ("version", "name"):
        if key not in parts:
            hint = (
                "add `version: 1`"
                if key == "version"
                else "it is the owner mark of the networks, e.g. `name: home-lab`"
            )
            found.add(Problem("missing-key", f"{key} is missing", (), source.documents[0].position(()), hint))
    head: dict[str, Any] = {key: parts[key] for key in ("version", "name", "policy") if key in parts}
    _validated(Topology, {"version": 1, "name": "x", **head}, (), found)
    return parts


def _join(  # noqa: PLR0911 -- one return a rule
    parts: dict[str, Any], key: str, item: object
) -> Problem | None:
    """Put one file's top-level key into the parts, or say why it can't be."""
    if key not in _TOP_LEVEL:
        return Problem("unknown-key", f"unknown key {key!r}", (key,), hint=nearest(key, _TOP_LEVEL))
    if item is None:
        return None
    if key in ("networks", "defaults", "policy") and not isinstance(item, dict):
        return Problem("wrong-type", f"must be a mapping, not a {kind_of(item)}", (key,))
    if key == "networks" and isinstance(item, dict):
        twice = next((name for name in item if name in parts["networks"]), None)
        parts["networks"].update(item)
        if twice is not None:
            return Problem("duplicate-network", "another file has a network of this name", ("networks", twice))
    elif key in ("defaults", "policy") and key in parts:
        return Problem(f"two-{key}", f"another file has {key} already, which counts for all files", (key,))
    elif parts.setdefault(key, item) != item:
        here, there = (kind_of(each) if isinstance(each, (dict, list)) else repr(each) for each in (item, parts[key]))
        return Problem("files-disagree", f"is {here} here and {there} in another file", (key,))
    return None


def _networks(parts: dict[str, Any], found: _Findings) -> dict[str, Network]:
    defaults, names = parts.get("defaults") or {}, parts["networks"]
    if defaults:
        size = _size(defaults)
        if size * len(names) > MAX_VALUES:
            message = f"{size} values for each of {len(names)} networks are more than {MAX_VALUES}"
            found.add(Problem("too-many-values", message, ("defaults",), hint="say them where they are needed"))
            return {}
        _validated(Network, {"mode": "nat", **defaults}, ("defaults",), found)
    networks = {}
    for name, own in names.items():
        path = ("networks", name)
        if own is not None and not isinstance(own, dict):
            found.add(Problem("wrong-type", f"must be a mapping, not a {kind_of(own)}", path))
            continue
        network = _validated(Network, _merged(Network, defaults, own or {}) if defaults else own or {}, path, found)
        if network is not None:
            networks[name] = network
    return networks


def _size(value: object) -> int:
    """Return how many values and keys there are, as `compose` counts them."""
    if isinstance(value, dict):
        return 1 + sum(1 + _size(item) for item in value.values())
    return 1 + sum(map(_size, value)) if isinstance(value, list) else 1


def _validated(model: type[E], data: dict[str, Any], path: Path, found: _Findings) -> E | None:
    """Return the element, or None if the data is none; what is wrong with it is found then."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        for details in error.errors(include_url=False):
            found.add(mistake(details, model, path))
    return None


def _merged(model: type[Element] | None, below: Any, above: Any) -> Any:
    """Return `above` with what only `below` has; mappings merge, also those that a scalar is short for."""
    if model is not None:
        below, above = model.expanded(below), model.expanded(above)
    if not isinstance(below, Mapping) or not isinstance(above, Mapping):
        return above
    merged = {**below, **above}
    for name, info in model.model_fields.items() if model else ():
        for short in (item for item in info.metadata if isinstance(item, ShortFor)):
            if (name in above) != (short.field in above):  # the other one, said below, counts no more
                merged.pop(short.field if name in above else name, None)
    for key in below.keys() & above.keys():
        merged[key] = _merged(field_model(model, key), below[key], above[key])
    return merged


def _by_position(problem: Problem) -> tuple[str, int, int, str]:
    place = problem.position
    return (place.file, place.line, place.column, str(problem)) if place else ("", 0, 0, str(problem))


def _depth(value: Any, path: Path) -> int:
    """Return how many parts of the path lead somewhere in the value."""
    for depth, part in enumerate(path):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(path)
