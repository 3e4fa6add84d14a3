"""What is said about a key and its price, alike in the schema and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netreconcile.checks.finding import listed
from netreconcile.checks.modes import SETTINGS
from netreconcile.reference.keys import places, prices, xml_paths

if TYPE_CHECKING:
    from netreconcile.model import Element
    from netreconcile.reference.keys import Key


def default(key: Key) -> str:
    """Return what counts where the key is left out, in Markdown; empty where nothing does."""
    if key.chosen:
        return "libvirt's choice"
    if key.required or key.default is None or key.is_list or key.element:
        return ""
    return f"`{written(key.default)}`"


def written(value: object) -> str:
    """Return a scalar as YAML has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def since(key: Key) -> str:
    """Return which libvirt the key needs; empty where any will do."""
    return f"Needs libvirt {'.'.join(map(str, key.since))} or newer." if key.since else ""


def cost(key: Key, element: type[Element]) -> str:
    """Return what changing the key costs; empty where that is told below it, or by its description."""
    if key.short_for:
        return f"as `{key.short_for}`"
    if key.element and not key.is_list:
        return ""
    found = prices(key, element)
    if len(found) == 1:
        return str(next(iter(found)))
    return ", ".join(f"{price} in {listed(tuple(f'`{place}`' for place in at))}" for price, at in found.items())


def xml(key: Key, element: type[Element]) -> tuple[str, ...]:
    """Return all places of the key in libvirt's XML."""
    return tuple(path for place in places()[element] for path in xml_paths(key, place))


def modes(key: Key, element: type[Element]) -> tuple[str, ...]:
    """Return the modes in which the key works; nothing where it does in all in which its element does."""
    paths = [(*place.path, key.name) for place in places()[element]]
    return next((setting.modes for setting in SETTINGS if setting.path in paths), ())


def short_form(element: type[Element]) -> str:
    """Return the element's short form in Markdown; empty where it has none."""
    first, hyphen, second = element.short.partition("-")
    if hyphen:
        return f"`A-B` is short for `{{{first}: A, {second}: B}}`, and `A` alone for a range of one."
    return f"`X` is short for `{{{first}: X}}`." if first else ""
