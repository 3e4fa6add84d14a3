"""What a pull request can't do to a host: run a program as root, or hand out its files, unless the operator lets it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import LabHost

Said = dict[str, Any]
NET: Said = {"mode": "open", "bridge": "virbr-t", "ips": [{"address": "10.1.0.1/24"}]}
OTHER: Said = {"mode": "open", "bridge": "virbr-u", "ips": [{"address": "10.2.0.1/24"}]}
MARKER = "/run/permissions-ran"
"""A file inside the lab that the program of a pull request makes."""
PROGRAM = "/run/permissions-program"
OPTIONS = """
<network xmlns:dnsmasq='http://libvirt.org/schemas/network/dnsmasq/1.0'><name>t</name><forward mode='open'/>
  <bridge name='virbr-t'/><ip address='10.1.0.1' prefix='24'><tftp root='/srv'/></ip>
  <dnsmasq:options><dnsmasq:option value='log-facility=/run/dnsmasq.log'/><dnsmasq:option value='cache-size=0'/>
  </dnsmasq:options></network>
"""


@pytest.fixture
def program(host: LabHost) -> str:
    """Return the program that a pull request would run on the host; nothing has run it yet."""
    script = f"rm -f {MARKER}; printf '#!/bin/sh\\necho $(id -u) > {MARKER}\\n' > {PROGRAM}; chmod 755 {PROGRAM}"
    host.lab.run("sh", "-c", script, check=True)
    return PROGRAM


def ran_as(host: LabHost) -> str:
    """Return the number of the user as whom the program has run, empty where it hasn't."""
    return str(
        host.lab.run("sh", "-c", f"cat {MARKER} 2>/dev/null || :", capture_output=True, check=True).stdout
    ).strip()


def scripted(program: str, **said: Any) -> Said:
    dhcp = [{"address": "10.1.0.1/24", "dhcp": {"ranges": ["10.1.0.10-10.1.0.20"]}}]
    return {**NET, "ips": dhcp, "dnsmasq_options": [f"dhcp-script={program}"], **said}


@pytest.mark.parametrize("state", ["active", "inactive"])
@pytest.mark.parametrize("exists", [True, False], ids=["update", "create"])
def test_a_pull_request_cannot_run_a_program(
    host: LabHost, program: str, nothing_allowed: str, state: str, *, exists: bool
) -> None:
    if exists:
        host.applied({"t": NET})
    before = host.snapshot("t") if exists else None
    wanted = {"t": scripted(program, state=state), "u": OTHER}
    plan = host.planned(wanted, "--operator-policy", nothing_allowed)
    verbs = {part["name"]: part["verb"] for part in plan["networks"]}
    assert verbs == {"t": "refuse", "u": "create"}
    assert {step["network"] for step in plan["steps"]} == {"u"}

    ran = host.apply(wanted, "--operator-policy", nothing_allowed)
    assert ran.code == 3, ran
    assert f"refused: it adds dnsmasq_options 'dhcp-script={program}'" in ran.out
    assert "--allow-dnsmasq-options permits it, or allow.dnsmasq_options in " in ran.out
    assert host.network("u").isActive()
    assert ("t" in host.names()) == exists
    assert not exists or host.snapshot("t") == before
    assert ran_as(host) == ""


def test_what_the_operator_permits_is_done_and_runs_as_root(
    host: LabHost, program: str, nothing_allowed: str, tmp_path: Path
) -> None:
    """Why permission is asked for: this is what such an option does."""
    wanted = {"t": scripted(program)}
    host.applied(wanted, "--allow-dnsmasq-options", "--operator-policy", nothing_allowed)
    assert host.running("t").dnsmasq_options == (f"dhcp-script={program}",)
    assert ran_as(host) == "0"
    assert host.apply({"t": {**wanted["t"], "mtu": 1400}}, "--operator-policy", nothing_allowed).code == 0

    host.clear()
    policy = tmp_path / "policy.yaml"
    policy.write_text(f'version: 1\nallow: {{dnsmasq_options: ["dhcp-script={program}"]}}\n')
    policy.chmod(0o644)
    host.applied(wanted, "--operator-policy", str(policy))
    other = {"t": scripted(program, dnsmasq_options=[f"dhcp-script={program}-not"])}
    ran = host.apply(other, "--operator-policy", str(policy))
    assert ran.code == 3
    assert f"allow.dnsmasq_options in {policy}" in ran.out


def test_a_line_that_dnsmasq_takes_for_two_is_an_error_also_where_nothing_starts(host: LabHost, program: str) -> None:
    """Of a line dnsmasq reads 1024 bytes; what follows them in a TXT record would be an option of its own."""
    padding = "a" * (1024 - len("txt-record=t,"))
    for state in ("active", "inactive"):
        txt = [{"name": "t", "value": f"{padding}conf-script={program}"}]
        ran = host.apply({"t": {**NET, "state": state, "dns": {"txt": txt}}})
        assert (ran.code, host.names()) == (65, set())
        assert "takes the rest for an option of its own" in ran.err
    xml = f"<network><name>t</name><dns><txt name='t' value='{padding}conf-script={program}'/></dns>"
    host.define(f"{xml}<forward mode='open'/><ip address='10.1.0.1' prefix='24'/></network>", start=True)
    assert ran_as(host) == "0", "it is what dnsmasq does"


def test_a_folder_for_tftp_needs_permission(host: LabHost, nothing_allowed: str, tmp_path: Path) -> None:
    wanted = {"t": {**NET, "ips": [{"address": "10.1.0.1/24", "tftp": "/srv"}]}}
    ran = host.apply(wanted, "--operator-policy", nothing_allowed)
    assert (ran.code, host.names()) == (3, set())
    assert "it adds ips[10.1.0.1].tftp.root '/srv'" in ran.out
    policy = tmp_path / "policy.yaml"
    policy.write_text("version: 1\nallow: {tftp_roots: [/srv/*]}\n")
    policy.chmod(0o644)
    assert host.apply(wanted, "--operator-policy", str(policy)).code == 3
    policy.write_text("version: 1\nallow: {tftp_roots: [/srv]}\n")
    host.applied(wanted, "--operator-policy", str(policy))
    assert host.drifted(wanted) == ()


def test_what_the_host_has_already_needs_no_permission(host: LabHost, nothing_allowed: str, tmp_path: Path) -> None:
    """Import, apply, change something else, reorder, remove: nothing of it asks an operator who allows nothing."""
    host.define(OPTIONS, start=True)
    ran = host.run("import")
    assert ran.code == 0, ran.err
    imported = tmp_path / "imported.yaml"
    imported.write_text(ran.out)
    assert host.run("drift", str(imported)).code == 0
    assert host.run("apply", str(imported), "--operator-policy", nothing_allowed).code == 0
    said = {
        **NET,
        "ips": [{"address": "10.1.0.1/24", "tftp": "/srv"}],
        "dnsmasq_options": ["log-facility=/run/dnsmasq.log", "cache-size=0"],
    }
    changes: tuple[Said, ...] = (
        {},
        {"domain": "changed.test"},
        {"dnsmasq_options": ["cache-size=0", "log-facility=/run/dnsmasq.log"]},
        {"state": "inactive"},
        {},
        {"dnsmasq_options": []},
        {"ips": [{"address": "10.1.0.1/24"}], "dnsmasq_options": []},
    )
    for change in changes:
        host.applied({"t": {**said, **change}}, "--operator-policy", nothing_allowed, "--take-over")
    assert host.apply({"t": said}, "--operator-policy", nothing_allowed).code == 3


def test_drift_tells_what_differs_without_asking_for_permission(host: LabHost) -> None:
    host.applied({"t": NET})
    assert host.drifted({"t": {**NET, "dnsmasq_options": ["cache-size=0"]}}) == (
        "t: file changed: dnsmasq_options: [] → [cache-size=0]",
    )


@pytest.mark.parametrize("command", ["plan", "apply"])
def test_a_policy_that_cannot_be_trusted_or_read_is_65_and_nothing_is_done(
    host: LabHost, tmp_path: Path, command: str
) -> None:
    file, policy = host.file({"t": NET}), tmp_path / "policy.yaml"
    for text, mode, said in (
        ("version: 1\nalow: {}\n", 0o644, f"{policy}:2:1: alow: unknown key (did you mean 'allow'?)"),
        ("version: 1\n", 0o666, f"chmod go-w {policy}"),
        (None, 0, "No such file or directory"),
    ):
        policy.unlink(missing_ok=True)
        if text is not None:
            policy.write_text(text)
            policy.chmod(mode)
        ran = host.run(command, file, "--operator-policy", str(policy))
        assert ran.code == 65
        assert said in ran.err
        assert host.names() == set()
