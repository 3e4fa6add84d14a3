"""The words that a fuzzer puts into its inputs: the model's keys and libvirt's names for them, and the languages' own.

Generated from the bindings, so that a new field is tried by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args, get_origin

from netreconcile.binding import NAMESPACES, Binding, bindings
from netreconcile.mark import NAMESPACE
from netreconcile.model import Element, Network, Policy, Topology

if TYPE_CHECKING:
    from collections.abc import Iterator

_YAML: Final = (
    *("- ", ": ", "? ", "<<: ", "&a ", "*a", "!!str ", "!!int ", "!!python/object:os.system ", "!!binary ", "!<"),
    *("%YAML 1.1\n", "%TAG ! x:\n", "---\n", "...\n", "|\n", ">-\n"),
    *('"\\u202e"', '"\\x1b[2J"', "'", "{", "}", "[", "]", "#", "\n  "),
    *("~", "null", "true", "yes", "0x1F", "1_000", "12:30:45", "010", "1e3", ".inf", ".nan", "-0"),
    *("\ufeff", "\u2028", "\x85"),
)  # fmt: skip
_XML: Final = (
    *('<?xml version="1.0" encoding="UTF-16"?>', "<!DOCTYPE network [", '<!ENTITY a "b">', "]>", "&a;"),
    *("&#10;", "&#x9b;", '<!ENTITY a SYSTEM "file:///etc/passwd">', "<![CDATA[", "]]>", "<!--", "-->", "<?pi ?>"),
    *('xmlns="', "xmlns:a='", "/>"),
    *(f'xmlns:{prefix}="{uri}"' for prefix, uri in NAMESPACES.items()),
    *(f"xmlns:n='{NAMESPACE}'", "<n:owner", 'topology="', 'desired="', 'protect="yes"'),
)  # fmt: skip
_VALUES: Final = (
    *("10.0.0.1", "10.0.0.1/24", "fd00::1/64", "255.255.255.0", "192.168.122.2-192.168.122.254", "52:54:00:00:00:01"),
    *("00:03:00:01:52:54:00:00:00:01", "0000:03:10.0", "12h", "infinite", "7e2a1c0e-7d4f-4a55-9d0b-0d6c5a3b9f10"),
    *("99999999999999999999", "4294967296", "65536", "-1", "0", "virbr%d", "0.0.0.0/0", "::", "\x1b[31m", "\u202e"),
)  # fmt: skip


def words() -> list[str]:
    """Return all words, each once."""
    found = [
        *_YAML,
        *_XML,
        *_VALUES,
        "=== config live autostart guest\n",
        "=== live\n",
        "=== config\n",
        " take",
        " loose",
    ]
    for model in (Topology, Policy):
        found += (f"{name}: " for name in model.model_fields)
    found += ("defaults: ", *_of(Network))
    return list(dict.fromkeys(found))


def dictionary() -> str:
    """Return the words in the format of libFuzzer."""
    return "".join(f'"{_escaped(word)}"\n' for word in words())


def _of(model: type[Element]) -> Iterator[str]:
    for name in model.model_fields:
        yield f"{name}: "
    for binding in bindings(model):
        yield from _names(binding)
        if get_origin(binding.kind) is Literal:
            yield from get_args(binding.kind)
        if binding.kind is bool:
            yield from binding.xml.words
        if binding.model:
            yield from _of(binding.model)


def _names(binding: Binding) -> Iterator[str]:
    for step in binding.steps:
        yield f"<{step.rpartition('}')[2]}"
    attributes = [
        binding.attribute,
        binding.xml.first,
        *(binding.xml.notation.attributes if binding.xml.notation else ()),
    ]
    yield from (f' {name}="' for name in attributes if name)


def _escaped(word: str) -> str:
    return "".join(
        chr(byte) if 0x20 <= byte < 0x7F and byte not in b'"\\' else f"\\x{byte:02x}" for byte in word.encode()
    )
