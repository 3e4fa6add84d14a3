"""What Prometheus gets to know of a run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from netreconcile.below.finding import Finding
from netreconcile.below.remedy import by_hand
from netreconcile.metrics import PREFIX, Ending, MetricsFailed, Run, Standing, standing, text, write
from netreconcile.plan import plan
from tests.unit.examples import GUEST, host, network, there, topology

if TYPE_CHECKING:
    from pathlib import Path

    from netreconcile.observed import Observed

URI = "qemu:///system"
CLEAN = Run("drift", URI, "site/", 0, 1_800_000_000.25, 0.125, Standing("lab", URI))


def samples(run: Run) -> dict[str, float]:
    """Return the values by name, of one without labels that tell more than the topology."""
    return {
        sample.name.removeprefix(PREFIX): sample.value
        for family in text_string_to_metric_families(text(run))
        for sample in family.samples
        if "network" not in sample.labels
    }


def causes(run: Run) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["network"], sample.labels.get("cause") or sample.labels["finding"]): sample.value
        for family in text_string_to_metric_families(text(run))
        for sample in family.samples
        if "network" in sample.labels
    }


def stands(*networks: Observed, **wanted: dict[str, Any]) -> Standing:
    return standing(
        plan(topology(**{name: network(**values) for name, values in wanted.items()}), host(*networks)), URI
    )


def test_a_clean_run_says_when_how_long_and_that_all_agrees() -> None:
    assert samples(CLEAN) == {
        "last_run_timestamp_seconds": 1_800_000_000.25,
        "last_run_duration_seconds": 0.125,
        "last_run_exit_code": 0,
        "in_sync": 1,
        "looked_below": 1,
        "networks_differing": 0,
        "networks_refused": 0,
        "networks_pending_restart": 0,
        "guests_cut": 0,
        "guests_at_stake": 0,
    }
    assert causes(CLEAN) == {}


def test_every_family_has_its_help_and_is_a_gauge() -> None:
    families = list(text_string_to_metric_families(text(CLEAN)))
    assert {family.type for family in families} == {"gauge"}
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families)


def test_drift_is_counted_by_network_and_cause() -> None:
    found = stands(there(network(), network(mtu=9000), guests=(GUEST,)), net={"title": "x"}, other={"mode": "nat"})
    run = replace(CLEAN, code=2, standing=found)
    assert causes(run) == {("net", "file changed"): 1, ("net", "pending restart"): 1, ("other", "missing"): 1}
    told = samples(run)
    assert [told[name] for name in ("in_sync", "networks_differing", "networks_pending_restart")] == [0, 2, 1]
    assert [told[name] for name in ("guests_cut", "guests_at_stake", "last_run_exit_code")] == [0, 1, 2]


def test_guests_without_a_link_are_cut() -> None:
    found = stands(there(network(), network(), guests=(replace(GUEST, plugged=False),)), net={})
    assert (found.guests_cut, found.guests_at_stake) == (1, 0)


def test_what_is_below_libvirt_is_counted_and_nothing_is_in_sync_then() -> None:
    dead = Finding("net", "dnsmasq", "", "running", "gone", by_hand("wait"))
    found = standing(plan(topology(net=network()), host(there(network(), network()))), URI, [dead])
    run = replace(CLEAN, code=2, standing=found)
    assert causes(run) == {("net", "dnsmasq"): 1}
    assert (samples(run)["in_sync"], found.differing) == (0, 1)


def test_what_apply_would_leave_differs_and_is_refused() -> None:
    found = stands(there(network(), owner="other"), net={})
    assert (found.differing, found.refused) == (1, 1)


def test_a_run_that_could_not_tell_says_nothing_of_the_host() -> None:
    assert set(samples(replace(CLEAN, code=69, standing=None))) == {
        "last_run_timestamp_seconds",
        "last_run_duration_seconds",
        "last_run_exit_code",
    }


def test_a_change_says_how_it_went_and_leaves_to_drift_how_the_host_stands() -> None:
    run = Run("apply", URI, "site/", 4, 1.0, 2.0, ending=Ending(4, in_sync=False, guests_cut=3))
    assert samples(run) == {
        "last_run_timestamp_seconds": 1,
        "last_run_duration_seconds": 2,
        "last_run_exit_code": 4,
        "last_run_guests_cut": 3,
        "last_run_in_sync": 0,
    }
    assert "last_run_in_sync" not in samples(replace(run, ending=Ending(0)))
    assert samples(replace(run, ending=None)).keys() == samples(replace(CLEAN, standing=None)).keys()


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", 'a\\"\n', "grün", "a{b}=,"])
def test_any_name_is_read_as_it_was_written(name: str) -> None:
    run = replace(CLEAN, standing=Standing(name, URI))
    read = {
        sample.labels.get("topology")
        for family in text_string_to_metric_families(text(run))
        for sample in family.samples
    }
    assert name in read


def test_the_file_is_replaced_as_a_whole_and_everybody_may_read_it(tmp_path: Path) -> None:
    file = tmp_path / "drift.prom"
    write(str(file), CLEAN)
    with file.open() as earlier:
        write(str(file), replace(CLEAN, code=2))
        assert earlier.read() == text(CLEAN)
    assert file.read_text() == text(replace(CLEAN, code=2))
    assert file.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["drift.prom"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(MetricsFailed, match="No such file or directory"):
        write(str(tmp_path / "missing" / "drift.prom"), CLEAN)
    (tmp_path / "drift.prom").mkdir()
    with pytest.raises(MetricsFailed, match="can't write metrics to "):
        write(str(tmp_path / "drift.prom"), CLEAN)
    assert [path.name for path in tmp_path.iterdir()] == ["drift.prom"]
