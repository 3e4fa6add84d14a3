"""A plan or drift as JUnit's XML: each network is a test, and fails where it differs. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from netreconcile.reports.subject import clean

if TYPE_CHECKING:
    from lxml.etree import _Element

    from netreconcile.reports.subject import Difference, Subject


def junit(subject: Subject) -> str:
    """Return the document, which ends with a line break."""
    networks = subject.plan.networks
    failures = sum(bool(subject.of(part)) for part in networks)
    suites = etree.Element("testsuites", name=f"netreconcile {subject.command}")
    suite = etree.SubElement(suites, "testsuite", name=subject.title, hostname=subject.uri)
    for each in (suites, suite):
        each.attrib.update({"tests": str(len(networks)), "failures": str(failures), "errors": "0"})
    for part in networks:
        test = etree.SubElement(suite, "testcase", classname=subject.title, name=clean(part.name))
        found = subject.of(part)
        if found:
            _fail(test, found)
    return etree.tostring(suites, encoding="unicode", pretty_print=True)


def _fail(test: _Element, found: tuple[Difference, ...]) -> None:
    """Mark the test as failed, in place."""
    place = next((item.place for item in found if item.place), None)
    if place:
        test.set("file", clean(place.file))
    causes = ", ".join(dict.fromkeys(item.cause for item in found))
    failure = etree.SubElement(test, "failure", type=found[0].cause, message=causes)
    lines = ([f"{item.sign} {item}", *([f"    {item.mend}"] if item.mend else [])] for item in found)
    failure.text = "\n".join(line for pair in lines for line in pair)
