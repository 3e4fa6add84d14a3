"""No field is forgotten: each stands in a sample or a case, and in the tests with a real libvirt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from netreconcile.binding import bindings
from netreconcile.loader import load
from netreconcile.model import Network
from netreconcile.reader import read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from netreconcile.model import Element

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "sample-topologies").glob("*.yaml"))
CASES = sorted((ROOT / "tests" / "cases").glob("*/topology.yaml"))


def fields(model: type[Element] = Network, above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every key that a network can have."""
    below = {binding.name: binding.model for binding in bindings(model)}
    for name in model.model_fields:
        inner = below.get(name)
        if inner is None or not inner.model_fields:
            yield (*above, name)
        else:
            yield from fields(inner, (*above, name))


def said(value: Any, model: type[Element] | None, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the paths of the keys in a value; what a short form stands for counts."""
    if model is not None:
        value = model.expanded(value)
    if isinstance(value, list):
        items: list[Any] = value
        for item in items:
            yield from said(item, model, above)
    elif isinstance(value, dict):
        below = {binding.name: binding.model for binding in bindings(model)} if model else {}
        for key, inner in cast("dict[str, Any]", value).items():
            yield (*above, key)
            yield from said(inner, below.get(key), (*above, key))


def said_in(files: list[Path]) -> set[tuple[str, ...]]:
    """Return the paths of all keys of networks in the files, defaults included."""
    found: set[tuple[str, ...]] = set()
    for file in files:
        document: Any = read(file.read_bytes(), file.name).value
        for part in (*document.get("networks", {}).values(), document.get("defaults")):
            found.update(said(part, Network, ()))
    return found


FIELDS = sorted(fields())
SAID = said_in([*SAMPLES, *CASES])
REAL = "\n".join(path.read_text() for path in sorted((ROOT / "tests" / "real").glob("*.py")))


@pytest.mark.parametrize("field", FIELDS, ids=".".join)
def test_every_field_stands_in_a_sample_a_case_or_a_test_with_a_real_libvirt(field: tuple[str, ...]) -> None:
    in_real = re.search(rf"[\"']{field[-1]}[\"']", REAL) is not None
    assert field in SAID or in_real


@pytest.mark.parametrize("file", [*SAMPLES, *CASES], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_every_sample_and_case_is_a_valid_topology(file: Path) -> None:
    assert load([str(file)]).topology.networks
