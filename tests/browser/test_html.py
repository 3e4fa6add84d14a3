"""Pages and drawings in a real browser: whole, readable on a phone, in the light and in the dark."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from netreconcile.graph.graph import of_plan
from netreconcile.graph.svg import svg
from netreconcile.observed import Guest
from netreconcile.plan import plan
from netreconcile.reports.html import html
from netreconcile.reports.subject import subject
from tests.unit import hostile
from tests.unit.examples import host, network, there, topology
from tests.unit.test_reports_subject import FINDING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.chrome.webdriver import WebDriver

    from netreconcile.reports.subject import Subject

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PHONE, DESK, TALL = 360, 1280, 2000
READABLE = 4.5
"""The contrast that WCAG 2 asks for (1.4.3)."""
TEXTS = """
const found = [];
for (const each of document.querySelectorAll("body *, svg *")) {
  const direct = [...each.childNodes].some(node => node.nodeType == Node.TEXT_NODE && node.textContent.trim());
  if (!direct || ["STYLE", "TITLE"].includes(each.tagName.toUpperCase())) continue;
  const box = each.getBoundingClientRect();
  found.push([each, box]);
}
"""
BOXES = f"{TEXTS} return found.map(([each, box]) => [each.textContent, box.left, box.right, box.height]);"
CONTRASTS = f"""
const parsed = text => text.match(/[\\d.]+/g).map(Number);
const opaque = text => text.startsWith("rgb") && (parsed(text)[3] ?? 1) == 1;
const light = ([r, g, b]) => [r, g, b].map(each => each / 255)
  .map(each => each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4)
  .reduce((sum, each, at) => sum + each * [0.2126, 0.7152, 0.0722][at], 0);
{TEXTS}
return found.map(([each]) => {{
  const own = getComputedStyle(each), drawn = each instanceof SVGElement;
  const ink = parsed(drawn ? own.fill : own.color);
  each.scrollIntoView({{block: "center"}});
  const now = each.getBoundingClientRect();
  const below = document.elementsFromPoint(now.left + 3, now.top + now.height / 2)
    .filter(other => other.tagName.toLowerCase() != "text")
    .map(other => other.tagName.toLowerCase() == "rect" ? getComputedStyle(other).fill
                                                        : getComputedStyle(other).backgroundColor)
    .find(opaque) ?? "rgb(255, 255, 255)";
  const [low, high] = [light(ink), light(parsed(below))].sort((a, b) => a - b);
  return [each.textContent, (high + 0.05) / (low + 0.05)];
}});
"""


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebDriver]:
    """A browser without a window, and with a profile of its own."""
    programs = [next(filter(None, map(shutil.which, names)), "") for names in (CHROMIUM, ("chromedriver",))]
    if not all(programs):
        (pytest.fail if os.environ.get("CI") else pytest.skip)("apt install chromium chromium-driver")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location, driver = programs
    # Chromium's own sandbox needs what a container may not give; the pages are ours.
    for argument in (
        "headless=new",
        "no-sandbox",
        "disable-gpu",
        "disable-dev-shm-usage",
        "no-first-run",
        "hide-scrollbars",
    ):
        options.add_argument(f"--{argument}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('profile')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options, webdriver.ChromeService(driver)) as browser:
        yield browser


def large() -> Subject:
    """Return 30 networks: in sync, of another MTU, missing, below libvirt not as they should be; some with guests."""
    wanted, present = {}, []
    for number in range(30):
        own: dict[str, Any] = {
            "uuid": f"11111111-2222-4333-8444-5555555555{number:02x}",
            "bridge": {"name": f"br{number}", "stp": True, "delay": 0},
            "ips": [{"address": f"10.{number}.0.1/24"}, {"address": f"fd00:1234:5678:{number:x}::1/64"}],
        }
        name = f"network-of-department-{number}"
        wanted[name] = network(**own, mtu=9000 if number % 3 else None)
        if number % 5:
            guests = tuple(
                Guest(f"guest{each}-of-{number}", f"52:54:00:00:{number:02x}:{each:02x}", f"vnet{each}")
                for each in range(number % 4)
            )
            present.append(there(network(**own), network(**own), name=name, guests=guests))
    before, chosen = host(*present), topology(**wanted)
    below = [replace(FINDING, network="network-of-department-3")]
    return subject("drift", plan(chosen, before), chosen, before, below=below)


def odd() -> Subject:
    """Return networks with names that try to be something else."""
    return subject("plan", hostile.planned(), hostile.topology(), hostile.there_is())


SUBJECTS = {"large": large, "odd": odd}


@pytest.fixture(params=SUBJECTS)
def about(request: pytest.FixtureRequest) -> Subject:
    return SUBJECTS[request.param]()


def visit(browser: WebDriver, file: Path, text: str, *, width: int, scheme: str = "light") -> None:
    """Show the text, as a file of that name, on a screen of that width."""
    screen = {"width": width, "height": TALL, "deviceScaleFactor": 1, "mobile": width == PHONE}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    complaints(browser)
    file.write_text(text, encoding="utf-8")
    browser.get(file.as_uri())


def complaints(browser: WebDriver) -> list[Any]:
    """Return what the browser's console has said since it was asked last."""
    found: list[Any] = browser.get_log("browser")
    return found


def boxes(browser: WebDriver) -> list[tuple[str, float, float, float]]:
    """Return each text with its left and right edge and its height, in CSS pixels."""
    return [tuple(each) for each in browser.execute_script(BOXES)]


@pytest.mark.parametrize("width", [PHONE, DESK])
def test_a_page_is_whole_and_scrolls_one_way_only(
    browser: WebDriver, tmp_path: Path, about: Subject, width: int
) -> None:
    visit(browser, tmp_path / "page.html", html(about, "now"), width=width)
    assert complaints(browser) == []
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    found = boxes(browser)
    outside = [text for text, left, right, _ in found if left < 0 or right > width]
    assert outside == []
    assert min(height for *_, height in found) >= 12, "as high as the smallest letters that people read"


def test_a_page_shows_every_network_in_the_drawing_and_every_change_beside_it(
    browser: WebDriver, tmp_path: Path
) -> None:
    about = large()
    visit(browser, tmp_path / "page.html", html(about, "now"), width=DESK)
    shown = browser.execute_script(
        "return ['svg text', 'article h3'].map(which => [...document.querySelectorAll(which)]"
        ".filter(each => each.checkVisibility()).map(each => each.textContent))"
    )
    names = {part.name for part in about.plan.networks}
    assert len(names) == 30
    assert names <= set(shown[0])
    assert set(shown[1]) == set(about.by_network)
    columns = "return [...document.querySelectorAll('section')].map(each => each.getBoundingClientRect().left)"
    drawing, changes = browser.execute_script(columns)
    assert drawing < changes
    visit(browser, tmp_path / "page.html", html(about, "now"), width=PHONE)
    drawing, changes = browser.execute_script(columns)
    assert drawing == changes, "on a phone one is below the other"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [PHONE, DESK])
def test_everything_on_a_page_can_be_read(
    browser: WebDriver, tmp_path: Path, about: Subject, scheme: str, width: int
) -> None:
    visit(browser, tmp_path / "page.html", html(about, "now"), width=width, scheme=scheme)
    contrasts = browser.execute_script(CONTRASTS)
    assert len(contrasts) > 60
    assert [(text, ratio) for text, ratio in contrasts if ratio < READABLE] == []
    assert is_dark(browser) == (scheme == "dark")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_drawing_that_stands_alone_can_be_read(
    browser: WebDriver, tmp_path: Path, about: Subject, scheme: str
) -> None:
    drawing = svg(of_plan(about.plan, about.topology, about.host))
    visit(browser, tmp_path / "drawing.svg", drawing, width=DESK * 2, scheme=scheme)
    assert complaints(browser) == []
    assert [(text, ratio) for text, ratio in browser.execute_script(CONTRASTS) if ratio < READABLE] == []
    cards = browser.execute_script(
        "return [...document.querySelectorAll('rect.card')].map(each => each.getBoundingClientRect().right)"
    )
    ends = sorted(set(cards))
    for text, left, right, _ in boxes(browser)[1:]:
        assert right <= min(end for end in ends if end > left), text


def is_dark(browser: WebDriver) -> bool:
    """Return whether the page's ground is darker than its letters."""
    colour: str = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    return colour == "rgb(13, 17, 23)"
