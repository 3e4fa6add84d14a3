"""Networks to the text of a topology file that says the same, and that any YAML reader reads alike."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from netreconcile.binding import ShortFor, bindings
from netreconcile.model import Element
from netreconcile.reader import FORBIDDEN
from netreconcile.unmodelled import unmodelled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from netreconcile.observed import Observed

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*|[0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2}|-[0-9]{1,3}(\.[0-9]{1,3}){3})?")
_READ_AS_SOMETHING_ELSE = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_DEFAULT_BRIDGE = {"stp": True, "delay": 0}
"""What libvirt chooses where nothing is said; saying it would be noise."""


class _Dumper(yaml.SafeDumper):
    """Quotes whatever some reader could take for a number, a truth value or a time of day."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 -- PyYAML's signature
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if _PLAIN.fullmatch(text) and text.lower() not in _READ_AS_SOMETHING_ELSE:
        style = None
    elif not text.isprintable():
        style = "|" if text == text.strip() and all(line.isprintable() for line in text.split("\n")) else '"'
    else:
        style = "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def topology_text(name: str, networks: Mapping[str, Observed]) -> str:
    """Return the file for readable networks of a host.

    What no key can say is told in a comment; it stays on the host when the file is applied.
    """
    head = yaml.dump({"version": 1, "name": name}, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    parts = [head, "networks:\n" if networks else "networks: {}\n"]
    for key, there in networks.items():
        parts += (
            f"  # libvirt also has {path}, which no key stands for: it is kept as it is\n" for path in _rest(there)
        )
        body = yaml.dump(
            {key: _said_of(there)},
            Dumper=_Dumper,
            sort_keys=False,
            default_flow_style=None,
            width=110,
            allow_unicode=True,
        )
        parts += (f"  {line}\n" if line else "\n" for line in body.rstrip("\n").split("\n"))
    # PyYAML quotes what isn't seen as itself, and writes some of it as it is.
    return FORBIDDEN.sub(lambda bad: f"\\u{ord(bad.group()):04x}", "".join(parts))


def _rest(there: Observed) -> tuple[str, ...]:
    return unmodelled(there.config_xml or there.running_xml or "")


def _said_of(there: Observed) -> dict[str, Any]:
    network = there.config or there.running
    assert network is not None, "unreadable networks are left out by the caller"
    said: dict[str, Any] = {"mode": network.mode}
    if not there.active:
        said["state"] = "inactive"
    if not there.autostart:
        said["autostart"] = False
    bridge = network.bridge
    chosen = {key: None for key, value in _DEFAULT_BRIDGE.items() if getattr(bridge, key) == value}
    plain = said_by(network.model_copy(update={"bridge": bridge.model_copy(update=chosen)}))
    if there.mark and there.mark.protect:
        said["protect"] = True
    return {**said, **plain}


def said_by(element: Element) -> Any:
    """Return what a file has to say for this element: values at their default are left out, short forms are used."""
    said: dict[str, Any] = {}
    for binding in bindings(type(element)):
        value = getattr(element, binding.name)
        if (value == binding.default and binding.default is not None) or value is None:
            continue
        if isinstance(value, tuple):
            said[binding.name] = [said_by(item) if isinstance(item, Element) else item for item in value]
        else:
            said[binding.name] = said_by(value) if isinstance(value, Element) else value
    for name, field in type(element).model_fields.items():
        target = next((item.field for item in field.metadata if isinstance(item, ShortFor)), None)
        if target and len(said.get(target, ())) == 1:
            said = {name: said.pop(target)[0], **said}
    first, hyphen, second = element.short.partition("-")
    if hyphen and said.keys() == {first, second}:
        return f"{said[first]}-{said[second]}"
    return said[first] if first and said.keys() == {first} else said
