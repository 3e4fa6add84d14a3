"""Alert rules and dashboard are ones that Prometheus and Grafana can read, and ask only for metrics that there are."""

from __future__ import annotations

import itertools
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from netreconcile.metrics import Ending, Run, Standing, families

CONTRIB = Path(__file__).parents[2] / "contrib"
RULES = CONTRIB / "prometheus" / "netreconcile.rules.yml"
RULES_TEST = CONTRIB / "prometheus" / "netreconcile.test.yml"
DASHBOARD = CONTRIB / "grafana" / "netreconcile.json"
OPERATIONS = (CONTRIB.parent / "docs" / "operations.md").read_text(encoding="utf-8")

ALERTS: list[dict[str, Any]] = yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
BOARD: dict[str, Any] = json.loads(DASHBOARD.read_text())
PANELS: list[dict[str, Any]] = BOARD["panels"]
FOUND = Standing("lab", "", {("net", "stopped"): 1}, {("net", "dnsmasq"): 1})
RUNS = (
    Run("drift", "qemu:///system", "site", 2, 1, 1, FOUND),
    Run("apply", "qemu:///system", "site", 0, 1, 1, ending=Ending(0, in_sync=True)),
)
LABELS = {
    family.name: {label for labels, _ in family.samples for label in labels} | {"instance", "job"}
    for run in RUNS
    for family in families(run)
}
"""The labels of each metric, and those that Prometheus adds."""


def expressions() -> list[str]:
    """Return every expression of rules and dashboard, what the dashboard lets choose chosen."""
    asked = [target["expr"] for panel in PANELS for target in panel["targets"]]
    return [alert["expr"] for alert in ALERTS] + [expression.replace("$", "") for expression in asked]


@pytest.mark.parametrize("expression", expressions())
def test_an_expression_is_one_and_asks_for_what_there_is(expression: str) -> None:
    promql_parser.parse(expression)
    selectors = re.findall(r"(netreconcile_\w+)(?:\{([^}]*)\})?", expression)
    assert selectors
    for name, matchers in selectors:
        assert name in LABELS
        assert set(re.findall(r"(\w+)=", matchers)) <= LABELS[name]


def test_what_a_panel_groups_by_and_writes_beside_a_line_are_labels_of_its_metrics() -> None:
    for target in (target for panel in PANELS for target in panel["targets"]):
        there = set.intersection(*(LABELS[name] for name in re.findall(r"netreconcile_\w+", target["expr"])))
        grouped = {label.strip() for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in by.split(",")}
        assert grouped <= there
        assert set(re.findall(r"\{\{\s*(\w+)", target["legendFormat"])) <= (grouped or there)


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"critical", "warning", "info"}
        assert alert["annotations"].keys() == {"summary", "description"}
        promql_parser.parse_duration(alert["for"])
        (name,) = set(re.findall(r"netreconcile_\w+", alert["expr"]))
        shown = set(re.findall(r"\$labels\.(\w+)", " ".join(alert["annotations"].values())))
        assert shown <= LABELS[name]


def test_every_alert_is_seen_to_fire_and_not_to_fire() -> None:
    tested = [case for test in yaml.safe_load(RULES_TEST.read_text())["tests"] for case in test["alert_rule_test"]]
    names = {alert["alert"] for alert in ALERTS}
    assert {case["alertname"] for case in tested if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in tested if not case.get("exp_alerts")} == names


def test_promtool_agrees_where_it_is_installed() -> None:
    for arguments in (("check", "rules", RULES), ("test", "rules", RULES_TEST)):
        if shutil.which("promtool"):  # 90 MB of Prometheus; what is above needs none
            ran = subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, check=False)
            assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_metric_is_shown_or_alerted_and_documented() -> None:
    used = {name for expression in expressions() for name in re.findall(r"netreconcile_\w+", expression)}
    assert LABELS.keys() - used <= {"netreconcile_networks_differing", "netreconcile_networks_refused"}
    documented = set(re.findall(r"^\| `(netreconcile_\w+)", OPERATIONS, re.MULTILINE))
    assert documented == LABELS.keys()


def test_the_panels_of_the_dashboard_have_each_its_place_and_a_description() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for panel in PANELS:
        assert panel["description"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    for one, other in itertools.combinations([panel["gridPos"] for panel in PANELS], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above


def test_what_the_dashboard_lets_choose_is_used_and_exists() -> None:
    variables = {each["name"]: each for each in BOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", DASHBOARD.read_text())) - {"__all", "__auto"}
    assert used == variables.keys()
    for variable in variables.values():
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", variable["definition"])
            assert found
            assert found[2] in LABELS[found[1]]
