"""The ownership mark: an element of our own in the network's `<metadata>`, read and written on its XML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lxml import etree

if TYPE_CHECKING:
    from lxml.etree import _Element

NAMESPACE = "urn:netreconcile:1"
_TAG = f"{{{NAMESPACE}}}owner"


@dataclass(frozen=True, slots=True)
class Mark:
    """Which topology owns a network, and the digest of what the file wanted when it was last written.

    With the digest a change of the file can be told from a change of the host. `protect` outlives the network's entry
    in the file, so that deleting the entry doesn't remove a protected network.
    """

    topology: str
    desired: str
    protect: bool = False


def read_mark(root: _Element) -> Mark | None:
    """Return the mark in a network's XML, or None where no topology owns it."""
    element = root.find(f"metadata/{_TAG}")
    if element is None:
        return None
    return Mark(element.get("topology", ""), element.get("desired", ""), element.get("protect") == "yes")


def write_mark(root: _Element, mark: Mark) -> None:
    """Change the XML so that it carries the mark.

    The namespace is declared on the element itself: libvirt drops metadata whose prefix is declared further out.
    """
    element = root.find(f"metadata/{_TAG}")
    if element is None:
        metadata = root.find("metadata")
        if metadata is None:
            metadata = etree.Element("metadata")
            root.insert(1, metadata)
        element = etree.SubElement(metadata, _TAG, nsmap={"netreconcile": NAMESPACE})
    element.set("topology", mark.topology)
    element.set("desired", mark.desired)
    if mark.protect:
        element.set("protect", "yes")
    else:
        element.attrib.pop("protect", None)
