"""What the doctor reads of a host's own configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netreconcile.below.check import Mark
from netreconcile.commands import doctor
from netreconcile.lab import programs

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of NetworkManager's configuration, with nothing in it."""
    monkeypatch.setattr(doctor, "MANAGER", (tmp_path,))
    for folder in ("conf.d", "system-connections"):
        (tmp_path / folder).mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("configured", "patterns"),
    [
        ("[keyfile]\nunmanaged-devices=interface-name:virbr*;mac:52:54:00:00:00:01", ("virbr*",)),
        ("[keyfile]\nunmanaged-devices+=interface-name:=virbr0;interface-name:~vnet*\n", ("virbr0", "vnet*")),
        ("[keyfile]\nunmanaged-devices=type:bridge;except:interface-name:br0\n", ("*",)),
        ("[device-libvirt]\nmatch-device=interface-name:virbr*,interface-name:br9\nmanaged=0\n", ("virbr*", "br9")),
        ("[device-libvirt]\nmatch-device=interface-name:virbr*\nmanaged=1\n", ()),
        ("[device]\nwifi.scan-rand-mac-address=no\n", ()),
        ("not a configuration\n", ()),
    ],
)
def test_what_network_manager_is_told_to_leave_alone(manager: Path, configured: str, patterns: tuple[str, ...]) -> None:
    (manager / "conf.d" / "10.conf").write_text(configured)
    assert doctor.surroundings([]).unmanaged == patterns


def test_a_profile_that_network_manager_only_shows_what_there_is_with_is_none(manager: Path) -> None:
    profiles = manager / "system-connections"
    (profiles / "lan.nmconnection").write_text("[connection]\nid=lan\ntype=bridge\ninterface-name=br0\n")
    shown = (
        "[connection]\nid=virbr0\ninterface-name=virbr0\n\n[.nmmeta]\nexternal=true\nnm-generated=true\nvolatile=true\n"
    )
    (profiles / "virbr0.nmconnection").write_text(shown)
    assert doctor.surroundings([]).profiles == {"br0": "lan"}


@pytest.mark.parametrize(("version", "fit"), [((9, 0, 0), Mark.FAIL), ((10, 4, 0), Mark.OK), (None, Mark.OK)])
def test_nft_is_firewall_enough_for_a_libvirt_that_uses_it(
    version: tuple[int, int, int] | None, fit: Mark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("dnsmasq", "ip", "nft"):
        (tmp_path / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", ())
    found = {check.seen.split(":")[0]: check.mark for check in doctor.fit_programs(version)}
    assert (found["dnsmasq"], found["ip"]) == (Mark.OK, Mark.OK)
    assert {found["iptables"], found["ip6tables"]} == {fit}
