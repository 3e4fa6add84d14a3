"""Two networks to the changes between them, named by path."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from netreconcile.binding import bindings
from netreconcile.codec import identity, keys, same
from netreconcile.model import Element, Network

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

    deepdiff sees only what differs: comparing two equal trees of 10 000 entries is a matter of `==`, and 10 000 entries
    on one side alone need no comparison.
    """
    if same(before, after):
        return ()
    left, right = tree(before), tree(after)
    paths: set[tuple[str, ...]] = set()
    differing = _differing(left, right, (), paths)
    if differing != ({}, {}):
        from deepdiff.diff import DeepDiff  # costs as much as everything else, and most comparisons don't need it

        # By default names that start with two underscores are private to deepdiff, and never differ.
        found = DeepDiff(*differing, view="tree", threshold_to_diff_deeper=0, ignore_private_variables=False)
        places = (level.path(output_format="list") for levels in found.values() for level in levels)
        # A path ends before an index: a list whose order matters changes as a whole.
        paths |= {tuple(takewhile(lambda step: isinstance(step, str), place)) for place in places}
    return tuple(Change(path, _at(left, path), _at(right, path)) for path in sorted(paths))


def _differing(left: Tree, right: Tree, here: tuple[str, ...], alone: set[tuple[str, ...]]) -> tuple[Tree, Tree]:
    """Return both trees without what is equal in them, and without what only one has: its paths go to `alone`."""
    pruned: tuple[Tree, Tree] = {}, {}
    alone |= {(*here, key) for key in left.keys() ^ right.keys()}
    for key in left.keys() & right.keys():
        before, after = left[key], right[key]
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            before, after = _differing(before, after, (*here, key), alone)
            if not before and not after:
                continue
        pruned[0][key], pruned[1][key] = before, after
    return pruned


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
