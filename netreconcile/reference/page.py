"""The page `docs/reference.md`: every key of a topology, for people."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, get_args

import yaml

from netreconcile import scalars
from netreconcile.checks.finding import listed
from netreconcile.model import Accepted, Element, ModeName, Network, Policy, Topology
from netreconcile.operatorfile import Allow
from netreconcile.reference import wording
from netreconcile.reference.keys import Key, Place, keys, places
from netreconcile.reference.texts import SPELLINGS

if TYPE_CHECKING:
    from collections.abc import Sequence

_INTRODUCTION = """\
# Reference

Every key of a topology file: what it means, what happens where it is left out, where libvirt keeps it, and what
changing it costs on a running network. Generated from the model; `netreconcile schema` prints the same as a JSON
Schema, which editors understand.

## The file

```yaml
# yaml-language-server: $schema=../schemas/topology.schema.json
version: 1
name: home-lab
defaults:
  autostart: false
networks:
  lab:
    mode: nat
    bridge: virbr7
    ips:
      - address: 192.168.122.1/24
        dhcp: {{ranges: [192.168.122.2-192.168.122.254]}}
```

{top_level}

**Several files.** Files and directories named together make one topology. `version` and `name` need to stand in one
of them only; `policy` and `defaults` may stand in one of them, and count for all. An editor sees one file at a time: it
doesn't miss what may stand in another file, which is `version`, `name`, and a network's `mode`. `netreconcile validate`
does.

**Left out, and null.** The file is the whole truth about the networks it names: a key left out means "not there".
The exceptions are what libvirt chooses itself, where left out means "keep what libvirt chose"; the tables below say
so. A key without a value (`bridge:`), or with `null`, is the same as a key left out.

**Defaults.** `defaults` holds keys of a network, and is laid under each one: mappings are joined key by key, and
anything else in the network replaces what `defaults` has, lists as a whole. `null` in a network takes a default away.

**Short forms.** Where an element mostly has one key, its value alone will do: `bridge: virbr7` is
`bridge: {{name: virbr7}}`. The sections below say which key that is.

**Truth values** are `true` and `false`; the words of libvirt's XML (`yes`, `no`, `on`, `off`) mean the same.

**Texts and numbers.** A text without quotes is read in the one way that all versions of YAML agree on, and refused
where they don't agree; a MAC address needs no quotes. Texts hold no control characters, as libvirt would write some
of them into dnsmasq's configuration as lines of their own.

{scalars}

**Spelling.** Where two spellings mean the same there is no difference to the host: `52:54:0:A:B:C` is
`52:54:00:0a:0b:0c`, `10.0.0.1/255.255.255.0` is `10.0.0.1/24`, `60m` is `1h`.

## Modes

{modes}

## What a change costs

| word | the running network | its guests |
|---|---|---|
| none | is untouched | notice nothing |
| live | is changed in place | keep their link; in parentheses what is disturbed for a moment |
| restart | goes down and up | lose their link until they are plugged in again |

What is named here is what a change of this key alone costs. A change that would be live becomes a restart where
libvirt can't tell the entry to change from another one, where the same plan restarts the network anyway, or where
nobody is connected and a restart is quicker. In modes without firewall rules of libvirt's own (`open`, and the LAN's)
none are re-created. `netreconcile plan` tells the price of the change at hand, and who pays it.
"""
_MODES = {
    "nat": ("yes", "yes", "through the host's address", "`<forward mode='nat'>`"),
    "route": ("yes", "yes", "routed", "`<forward mode='route'>`"),
    "open": ("yes", "yes", "routed; libvirt adds no firewall rules", "`<forward mode='open'>`"),
    "isolated": ("yes", "yes", "none", "no `<forward>`, at least one `<ip>`"),
    "very-isolated": ("no", "no", "none", "no `<forward>`, no `<ip>`"),
    "bridge": ("no", "the LAN's own", "the LAN, over `bridge.name` or, macvtap, `forward.interfaces`",
               "`<forward mode='bridge'>`"),
    "private": ("no", "the LAN's own", "the LAN (macvtap, guests don't see each other)", "`<forward mode='private'>`"),
    "vepa": ("no", "the LAN's own", "the LAN (macvtap, through a switch that sends back)", "`<forward mode='vepa'>`"),
    "passthrough": ("no", "the LAN's own", "the LAN (one host interface for each guest)",
                    "`<forward mode='passthrough'>`"),
    "hostdev": ("no", "the LAN's own", "the LAN (an SR-IOV function for each guest)", "`<forward mode='hostdev'>`"),
}  # fmt: skip
_TITLES: dict[type[Element], str] = {
    Network: "A network",
    Policy: "`policy`",
    Accepted: "`policy.accept`",
    Allow: "The operator's policy",
}
_KINDS = {bool: "truth value", int: "number", str: "text"}


def reference_page() -> str:
    """Return the page in Markdown."""
    introduction = _INTRODUCTION.format(top_level=_top_level(), scalars=_scalars(), modes=_modes())
    sections = map(_section, places())
    return "\n".join([introduction, _rules(Policy), _rules(Accepted), *sections, _rules(Allow)])


def _top_level() -> str:
    rows = [(f"`{key.name}`", "yes" if key.required else "", key.doc) for key in keys(Topology)]
    rows.insert(3, ("`defaults`", "", "What every network has that doesn't say otherwise."))
    return _table(("key", "needed", "meaning"), rows)


def _rules(element: type[Element]) -> str:
    """Return the section about rules for plans, which have no place in libvirt's XML."""
    rows = [(f"`{key.name}`", _kind(key), _meaning(key)) for key in keys(element)]
    about = " ".join(inspect.cleandoc(element.__doc__ or "").split())
    return f"## {_title(element)}\n\n{about}\n\n{_table(('key', 'value', 'meaning'), rows)}\n"


def _scalars() -> str:
    """Return the table of `scalars.plain`, which says what an unquoted text means."""
    lines = inspect.cleandoc(scalars.plain.__doc__ or "").split("\n")
    table = "\n".join(line for line in lines if line.startswith("|"))
    return table.replace("`MAX_NUMBER`", str(scalars.MAX_NUMBER)).replace("| None ", "| null ")


def _modes() -> str:
    head = ("mode", "the host has an address", "DHCP and DNS from the host", "the way out", "libvirt")
    return _table(head, [(f"`{mode}`", *_MODES[mode]) for mode in get_args(ModeName)])


def _section(element: type[Element]) -> str:
    where = "\n".join(f"- `{_full(place)}`, in the XML `{place.xml}`" for place in places()[element])
    short = wording.short_form(element)
    parts = [
        f"## {_title(element)}",
        " ".join(inspect.cleandoc(element.__doc__ or "").split()),
        where,
        f"Short form: {short}" if short else "",
        _table(
            ("key", "value", "default", "meaning", "in libvirt's XML", "changing it"),
            [_row(key, element) for key in keys(element)],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _row(key: Key, element: type[Element]) -> tuple[str, ...]:
    modes = wording.modes(key, element)
    facts = (
        key.doc,
        f"Works only in mode {listed(tuple(f'`{mode}`' for mode in modes), 'or')}." if modes else "",
        wording.since(key),
        _examples(key),
    )
    paths = "<br>".join(f"`{path}`" for path in wording.xml(key, element))
    cost = wording.cost(key, element)
    if key.element and not key.is_list:
        cost = f"see {_link(key.element)}"
    return (
        f"`{key.name}`",
        _kind(key),
        "needed" if key.required else wording.default(key),
        " ".join(fact for fact in facts if fact),
        paths or (f"as `{key.short_for}`" if key.short_for else "beside it"),
        cost or "as its meaning says",
    )


def _meaning(key: Key) -> str:
    return " ".join(part for part in (key.doc, _examples(key)) if part)


def _examples(key: Key) -> str:
    shown = ", ".join(f"`{key.name}: {_flow(item)}`" for item in key.examples)
    return f"Example: {shown}." if shown else ""


def _kind(key: Key) -> str:
    """Return what a value looks like, in Markdown."""
    if key.element:
        kind = _link(key.element)
    elif key.choices:
        kind = ", ".join(f"`{choice}`" for choice in key.choices)
    elif key.lowest is not None and key.highest is not None:
        kind = f"number, {key.lowest} to {key.highest}"
    else:
        text = SPELLINGS.get(key.spell) if key.spell else None
        kind = _KINDS[key.kind] if text is None or text.name in ("text", "block", "unescaped") else text.wanted
    return f"list of: {kind}" if key.is_list else kind


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1000)
    return text.removesuffix("...\n").strip()


def _full(place: Place) -> str:
    return f"networks.NAME.{place}" if place.path else "networks.NAME"


def _title(element: type[Element]) -> str:
    """Return the element's outermost places as its name."""
    if element in _TITLES:
        return _TITLES[element]
    at = places()[element]
    return ", ".join(f"`{place}`" for place in at if len(place.path) == len(at[0].path))


def _link(element: type[Element]) -> str:
    return f"[{_title(element)}](#{_anchor(element)})"


def _anchor(element: type[Element]) -> str:
    """Return GitHub's anchor of the element's heading."""
    return "".join(letter for letter in _title(element).lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
