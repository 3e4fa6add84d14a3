"""Two networks to the changes between them, named by path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from netreconcile.binding import bindings
from netreconcile.codec import identity, keys, same
from netreconcile.model import Element, Network

if TYPE_CHECKING:
    from collections.abc import Iterator

Tree = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """One difference. None on one side means that the value, or the list's item, isn't there.

    The path holds field names and the identities of list items: `("ips", "10.0.0.1", "dhcp", "hosts", "52:54:…")`.
    Items that come or go as a whole are nested mappings without the values that are at their default.
    """

    path: tuple[str, ...]
    before: Any
    after: Any


def tree(element: Element) -> Tree:
    """Return the element as nested mappings: every field, and lists without order as mappings by identity.

    Lists whose order matters are tuples, so that they change as one value.
    """
    result: Tree = {}
    for binding in bindings(type(element)):
        value = getattr(element, binding.name)
        if binding.is_list and binding.xml.ordered:
            result[binding.name] = tuple(identity(item) for item in value)
        elif binding.is_list:
            names = keys(identity(item) for item in value)
            result[binding.name] = {
                key: tree(item) if isinstance(item, Element) else item for key, item in zip(names, value, strict=True)
            }
        else:
            result[binding.name] = tree(value) if isinstance(value, Element) else value
    return result


def changes(before: Network, after: Network) -> tuple[Change, ...]:
    """Return what has to change to get from one network to the other, sorted by path.

    deepdiff sees only the values that differ, side by side: comparing two equal trees of 10 000 entries is a matter of
    `==`, 10 000 entries on one side alone need no comparison, and what deepdiff spends on a level of nesting is more
    than what it spends on a value.
    """
    if same(before, after):
        return ()
    left, right = tree(before), tree(after)
    alone: set[tuple[str, ...]] = set()
    olds, news = {}, {}
    for path, old, new in _differing(left, right, (), alone):
        olds[path], news[path] = old, new
    paths = alone
    if olds:
        from deepdiff.diff import DeepDiff  # costs as much as everything else, and most comparisons don't need it

        found = DeepDiff(olds, news, view="tree")
        # What follows in a place is an index: a list whose order matters changes as a whole.
        paths = alone | {level.path(output_format="list")[0] for levels in found.values() for level in levels}
    return tuple(Change(path, _at(left, path), _at(right, path)) for path in sorted(paths))


def _differing(
    left: Tree, right: Tree, here: tuple[str, ...], alone: set[tuple[str, ...]]
) -> Iterator[tuple[tuple[str, ...], Any, Any]]:
    """Yield the values that differ, with their path; the paths of what only one side has go to `alone`."""
    alone |= {(*here, key) for key in left.keys() ^ right.keys()}
    for key in left.keys() & right.keys():
        before, after = left[key], right[key]
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _differing(before, after, (*here, key), alone)
        else:
            yield (*here, key), before, after


def _at(whole: Tree, path: tuple[str, ...]) -> Any:
    """Return what stands at the path, trimmed, or None."""
    value: Any = whole
    for name in path:
        if name not in value:
            return None
        value = value[name]
    return _trimmed(value)


def _trimmed(value: Any) -> Any:
    """Return a tree without what is empty in it."""
    if not isinstance(value, dict):
        return value
    trimmed = {key: _trimmed(item) for key, item in value.items()}
    return {
        key: item for key, item in trimmed.items() if item is not None and item is not False and item not in ((), {})
    }


def label(path: tuple[str, ...]) -> str:
    """Return the path as a user reads it: `ips[10.0.0.1].dhcp.hosts[52:54:00:00:00:10].name`."""
    text = ""
    model: type[Element] | None = Network
    steps = iter(path)
    for name in steps:
        binding = next((item for item in bindings(model) if item.name == name), None) if model else None
        text += f".{name}" if text else name
        if binding and binding.is_list and not binding.xml.ordered and (key := next(steps, None)) is not None:
            text += f"[{key}]"
        model = binding.model if binding else None
    return text
