"""A plan in the forms of pipelines and browsers: each has what it promises, and no name can be more than a name."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from lxml import etree
from lxml import html as parser
from markdown_it import MarkdownIt

from netreconcile.actions import Impact
from netreconcile.errors import Position
from netreconcile.loader import load
from netreconcile.plan import plan
from netreconcile.reports.github import MOST, workflow_commands
from netreconcile.reports.gitlab import quality, terraform
from netreconcile.reports.html import html
from netreconcile.reports.junit import junit
from netreconcile.reports.markdown import ROOM, code, markdown
from netreconcile.reports.subject import Subject, subject
from tests.unit import hostile
from tests.unit.examples import GUEST, host, network, there, topology
from tests.unit.test_cases import CASES, read
from tests.unit.test_reports_subject import FINDING

if TYPE_CHECKING:
    from pathlib import Path

    from netreconcile.model import Network
    from netreconcile.observed import Observed

WHEN = "2030-01-02 03:04:05 UTC"


def of(wanted: dict[str, Network], *present: Observed, command: str = "drift") -> Subject:
    before = host(*present)
    return subject(command, plan(topology(**wanted), before), topology(**wanted), before)


@pytest.fixture
def restart() -> Subject:
    """A network that needs a restart, which cuts a guest off."""
    return of({"net": network(mtu=1400)}, there(network(), network(), guests=(GUEST,)))


@pytest.fixture
def in_sync() -> Subject:
    return of({"net": network()}, there(network(), network()))


@pytest.fixture
def broken() -> Subject:
    """A network that is in sync, and not as libvirt set it up."""
    wanted, before = topology(net=network()), host(there(network(), network()))
    return subject("drift", plan(wanted, before), wanted, before, below=[FINDING])


@pytest.fixture(scope="module")
def bad() -> Subject:
    """Names that want to be something else, also as files."""

    def where(path: object) -> Position:
        del path
        return Position(hostile.NAMES[3], 7, 1)

    below = [replace(FINDING, network=hostile.NAMES[0], seen=hostile.NAMES[8], subject=hostile.NAMES[1])]
    wanted, before = hostile.topology(), hostile.there_is()
    why = "".join(hostile.NAMES)
    return subject("drift", hostile.planned(), wanted, before, where, below=below, unseen=why)


def refused() -> Subject:
    return of({"net": network()}, there(network(), network(), owner="other"))


@pytest.mark.parametrize("folder", CASES, ids=lambda folder: folder.name)
def test_every_case_can_be_told_in_every_form(folder: Path) -> None:
    case = read(folder)
    loaded = load([str(folder / "topology.yaml")])
    found = subject("plan", case.plan(case.host), loaded.topology, case.host, loaded.source.position)
    told = [markdown(found), html(found, WHEN), junit(found), json.dumps(quality(found, ["site"]))]
    assert all(text.count(str(folder)) >= len(found.differences) for text in (told[0], told[1], told[3]))
    for part in found.plan.drifted:
        assert all(part.name in text for text in told)
    annotated = list(workflow_commands(found))
    assert len(annotated) == len(found.differences) or len(annotated) == MOST
    assert etree.fromstring(junit(found)).get("failures") == str(len(found.plan.drifted))


# -- Markdown


def test_a_comment_says_what_happens_to_whom_and_how(restart: Subject) -> None:
    lines = markdown(restart).splitlines()
    assert lines[:2] == ["<!-- netreconcile drift lab -->", f"### Drift: {code('lab')} on {code('test:///unit')}"]
    assert "**1 to update; impact: restart; 1 guest loses its link**" in lines
    assert f"| {code('net')} | update | restart | {code('1 guest: web vnet7')} |" in lines
    assert "+ net: file changed: mtu: 1400" in lines
    assert "1. net: define" in lines
    assert lines[-1].startswith("fingerprint <code>")
    assert "```mermaid" in lines


def test_a_comment_about_a_host_in_sync_is_short(in_sync: Subject) -> None:
    text = markdown(in_sync)
    assert "**nothing to do: 1 network in sync**" in text
    assert "| network |" not in text
    assert "fingerprint" not in text


def test_a_comment_says_what_mends_what_is_below_libvirt(broken: Subject) -> None:
    text = markdown(replace(broken, unseen="why"))
    assert "! net: below libvirt: bridge.mtu: 1400, instead of 1500" in text
    assert "\nnet: by hand: ip link set br1 mtu 1500" in text
    assert "Not looked at: what is below libvirt (<code>why</code>)." in text


def test_a_comment_is_never_longer_than_github_takes() -> None:
    many = {
        f"network-{number}-{'x' * 90}": network(
            uuid=f"11111111-2222-4333-8444-{number:012x}",
            bridge=f"br{number}",
            ips=[{"address": f"10.{number // 250}.{number % 250}.1/24"}],
        )
        for number in range(400)
    }
    text = markdown(of(many))
    assert ROOM - 5000 < len(text) <= ROOM
    assert re.search("… and [0-9]+ more", text)
    assert "and 350 more networks" in text
    assert text.count("<details>") == text.count("</details>")


def test_a_comment_about_long_names_of_odd_letters_is_no_longer() -> None:
    odd = "\N{GRINNING FACE}" * 100
    own: list[dict[str, Any]] = [
        {"uuid": f"11111111-2222-4333-8444-{number:012x}", "bridge": f"br{number}", "ips": []} for number in range(60)
    ]
    guests = (replace(GUEST, domain=odd),)
    present = (there(network(**each), network(**each), name=f"{each['bridge']}{odd}", guests=guests) for each in own)
    text = markdown(of({f"{each['bridge']}{odd}": network(**each, mtu=1400) for each in own}, *present))
    assert len(text) <= ROOM
    rows = text.count("| update |")
    assert f"\n\nand {60 - rows} more networks\n" in text
    assert "Differences: 60" in text


def test_a_comment_says_of_a_network_that_it_is_broken(broken: Subject) -> None:
    assert f"| {code('net')} | broken | none | none |" in markdown(broken).splitlines()


def test_no_name_is_markdown_or_html_of_its_own(bad: Subject) -> None:
    text = markdown(bad)
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    nested = [child for token in tokens for child in token.children or ()]
    kinds = {token.type.removesuffix("_open").removesuffix("_close") for token in (*tokens, *nested)}
    table = {"table", "thead", "tbody", "tr", "th", "td"}
    assert kinds == {*table, "html_block", "html_inline", "heading", "inline", "paragraph", "fence", "text", "strong"}
    assert {token.content for token in nested if token.type == "html_inline"} == {"<code>", "</code>"}
    known = re.compile(r"<!-- [\w %.-]+ -->\n|<details><summary>[\w :,]+</summary>\n|</details>\n")
    assert all(known.fullmatch(token.content) for token in tokens if token.type == "html_block")
    fences = [token for token in tokens if token.type == "fence"]
    assert {fence.info for fence in fences} == {"mermaid", "diff", "text"}
    differences = next(fence.content.splitlines() for fence in fences if fence.info == "diff")
    assert len(differences) == len(bad.differences)
    assert all(line[0] in "+-~!" for line in differences)
    rows = re.findall(r"^\| .*", text, re.MULTILINE)
    assert {row.count("|") for row in rows} == {5}
    names = {token.content for token in nested if token.type == "text"}
    assert {"<script>alert(1)</script>", "a|b`c``d```"} <= names


# -- HTML


def seen(page: str) -> list[str]:
    """Return what a page tells, block by block, without its styles."""
    root = parser.fromstring(page)
    for style in root.iter("style", "{http://www.w3.org/2000/svg}style"):
        style.text = ""
    return [text.strip() for text in root.xpath("//body//text()") if text.strip()]


def test_a_page_has_the_topology_and_the_changes(restart: Subject) -> None:
    page = html(restart, WHEN)
    told = seen(page)
    assert f"drift for test:///unit, libvirt 12.0.0, as of {WHEN}" in told
    assert told.count("net") >= 2, "in the drawing, and beside it"
    for text in ("mtu: 1400", "cut off: 1 guest: web vnet7", "net: define", "differs", "update"):
        assert text in told
    assert "file changed" in told


def test_a_page_about_a_host_in_sync_says_so(in_sync: Subject) -> None:
    told = seen(html(in_sync, WHEN))
    assert "Nothing differs." in told
    assert "in sync" in told


def test_a_network_has_one_colour_in_the_drawing_and_beside_it() -> None:
    page = html(of({"net": network()}, there(network(), network(), owner=None)), WHEN)
    assert parser.fromstring(page).xpath("//article/@class") == ["same"]
    assert ".same{--tone:var(--same)}" in page


def test_a_page_tells_what_is_below_libvirt_and_what_could_not_be_seen(broken: Subject) -> None:
    told = seen(html(replace(broken, unseen="why"), WHEN))
    assert told.count("broken") == 2
    assert "below libvirt" in told
    assert any(text.startswith("by hand: ip link set br1 mtu 1500") for text in told)
    assert "Not looked at: what is below libvirt (why)." in told


def test_a_page_says_where_in_the_file(in_sync: Subject) -> None:
    place = Position("site/lab.yaml", 7, 3)
    wanted, before = topology(net=network()), host()
    found = subject("plan", plan(wanted, before), wanted, before, lambda _: place)
    assert "missing, site/lab.yaml:7:3" in seen(html(found, WHEN))
    assert "site/lab.yaml" not in html(in_sync, WHEN)


def test_a_page_fetches_nothing_and_runs_nothing(bad: Subject) -> None:
    page = html(bad, hostile.NAMES[1])
    root = parser.fromstring(page)
    tags = {str(element.tag) for element in root.iter() if isinstance(element.tag, str)}
    assert not tags & {"script", "img", "iframe", "object", "embed", "a", "form", "base", "b"}
    attributes = [(str(name), str(value)) for element in root.iter() for name, value in element.attrib.items()]
    assert not [name for name, _ in attributes if name.lower().startswith("on")]
    assert {value for name, value in attributes if name in ("href", "src")} == {"data:,"}
    assert not re.search(r"url\(|@import", page)
    told = seen(page)
    assert r"line\nbreak\r\u2028\u202e::warning::" in told
    assert "</title></svg></style>{{ 7*7 }}{% raw %}" in told
    assert told.count("<script>alert(1)</script>") >= 3


# -- GitHub


def test_annotations_stand_at_the_line_and_weigh_what_it_costs(restart: Subject) -> None:
    placed = tuple(replace(item, place=Position("site/a,b:c.yaml", 7, 3)) for item in restart.differences)
    assert list(workflow_commands(replace(restart, differences=placed))) == [
        "::warning file=site/a%2Cb%3Ac.yaml,line=7,title=netreconcile drift::net: file changed: mtu: 1400"
    ]
    plans = [
        of({"net": network(mtu=1400)}, there(network(), network()), command="plan"),
        of({"net": network(domain="a")}, there(network()), command="plan"),
        refused(),
    ]
    levels = [[line.split()[0] for line in workflow_commands(found)] for found in plans]
    assert levels == [["::warning"], ["::notice", "::notice"], ["::error"]]


def test_more_annotations_of_a_level_than_github_shows_of_a_step_are_counted_in_the_last(restart: Subject) -> None:
    fit = replace(restart, differences=restart.differences * MOST + refused().differences)
    lines = [*workflow_commands(fit)]
    assert [line.split()[0] for line in lines] == ["::warning"] * 10 + ["::error"]
    lines = [*workflow_commands(replace(fit, differences=fit.differences + restart.differences))]
    assert [line.split()[0] for line in lines] == ["::warning"] * 10 + ["::error"]
    assert lines[9] == "::warning title=netreconcile drift::and 2 more"


def test_no_name_is_a_command_of_its_own(bad: Subject) -> None:
    for item in bad.differences:
        (line,) = workflow_commands(replace(bad, differences=(item,)))
        assert line.isprintable()
        properties = r"file=[^:,]+,line=7,title=netreconcile drift"
        assert re.fullmatch(rf"::(error|warning) {properties}::.*", line)
        assert "%0A" not in line.replace("%250A", "")


# -- GitLab


def test_the_widget_counts_networks() -> None:
    found = of(
        {"new": network(uuid=None, bridge="br9", ips=[{"address": "10.9.0.1/24"}]), "net": network(mtu=1400)},
        there(network(), network()),
        there(network(uuid="11111111-2222-4333-8444-555555555501", bridge="br7", ips=[]), name="gone"),
    )
    assert terraform(found) == {"create": 1, "update": 1, "delete": 1}
    assert terraform(refused()) == {"create": 0, "update": 0, "delete": 0}


def test_findings_of_code_quality_have_what_gitlab_needs(restart: Subject, broken: Subject) -> None:
    (found,) = quality(restart, ["site"])
    assert (found["check_name"], found["severity"]) == ("netreconcile.file-changed", "major")
    assert found["location"] == {"path": "site", "lines": {"begin": 1}}
    (other,) = quality(broken, ["site"])
    assert other["fingerprint"] != found["fingerprint"]
    assert quality(restart, ["site"]) == [found], "the same finding is the same in the next run"
    assert [item["severity"] for item in quality(refused(), ["site"])] == ["blocker"]


def test_findings_about_hostile_names_are_plain_json(bad: Subject) -> None:
    found = json.loads(json.dumps(quality(bad, ["site"])))
    assert len({item["fingerprint"] for item in found}) == len(bad.differences)
    for item in found:
        assert item["description"].isprintable()
        assert re.fullmatch(r"netreconcile\.[a-z-]+", item["check_name"])
        assert item["location"] == {"path": hostile.NAMES[3], "lines": {"begin": 7}}


# -- JUnit


def test_each_network_is_a_test_that_fails_where_it_differs(restart: Subject, in_sync: Subject) -> None:
    root = etree.fromstring(junit(restart))
    (case,) = root.iter("testcase")
    (failure,) = case
    assert (case.get("classname"), case.get("name")) == ("lab", "net")
    assert (failure.get("type"), failure.text) == ("file changed", "+ net: file changed: mtu: 1400")
    assert [each.get("failures") for each in (root, root[0])] == ["1", "1"]
    sound = etree.fromstring(junit(in_sync))
    assert (sound.get("tests"), sound.get("failures"), sound.find(".//failure")) == ("1", "0", None)


def test_what_is_below_libvirt_fails_its_network_too(broken: Subject) -> None:
    failure = etree.fromstring(junit(broken)).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "below libvirt"
    assert "\n    by hand: ip link set br1 mtu 1500" in (failure.text or "")


def test_no_name_is_xml_of_its_own(bad: Subject) -> None:
    root = etree.fromstring(junit(bad))
    assert {str(element.tag) for element in root.iter()} == {"testsuites", "testsuite", "testcase", "failure"}
    cases = list(root.iter("testcase"))
    assert len(cases) == len(hostile.NAMES) + 2
    assert [case.get("name") for case in cases][1] == hostile.NAMES[1]
    assert all(len(case) == 1 for case in cases)


def test_what_a_restart_costs_is_its_impact(restart: Subject) -> None:
    assert [item.impact for item in restart.differences] == [Impact.RESTART]
