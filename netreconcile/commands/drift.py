"""`netreconcile drift`: tell whether the host still matches, down to the kernel where that can be seen."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from netreconcile.commands.cron import round_of, silence
from netreconcile.commands.uri import uri_of
from netreconcile.folder import folder_of
from netreconcile.glimpse import glimpse
from netreconcile.kernel.here import hindrance
from netreconcile.memory import Memory, files_digest, folder_digest

if TYPE_CHECKING:
    import argparse

    from netreconcile.commands.cron import Round
    from netreconcile.notice import Background
    from netreconcile.observed import Host
    from netreconcile.plan import Plan

_UNSEEN = "unseen"


def run(options: argparse.Namespace) -> int:
    """Print nothing and return 0 if the host matches; else what differs and why, and 2."""
    with round_of(options) as this, silence() if options.quiet else nullcontext():
        this.code = _looked(options, this)
        return this.code


def _looked(options: argparse.Namespace, this: Round) -> int:
    """Compare, or find that nothing has changed since files and host agreed."""
    if options.state is not None or options.output != "text" or options.verbose:
        return _compared(options, this)
    # A cron job compares the same files with the same host again and again: a look whether anything has changed since
    # they agreed takes a fraction of the time that it takes to load and compare them.
    memory = Memory(folder_of(uri_of(options)))
    before = _digests(options, memory)
    known = memory.agreed(*before) if before else None
    if before and known:
        memory.remember(*before, known.topology)
        if options.metrics is not None:
            from netreconcile.metrics import Standing

            this.standing = Standing(known.topology, uri_of(options), looked_below=f"-{_UNSEEN}-" not in known.host)
        return 0
    code = _compared(options, this)
    if before and code == 0 and before == _digests(options, memory) and not _reminded(options) and this.standing:
        memory.remember(*before, this.standing.topology)
    return code


def _digests(options: argparse.Namespace, memory: Memory) -> tuple[str, str] | None:
    """Return digests of the files and of the host as they are now; None where that can't be told without more."""
    files = files_digest(options.topology, f"strict={options.strict}")
    if not files:
        return None
    host = glimpse(uri_of(options), timeout=options.timeout)
    below = _kernel_digest(uri_of(options)) if host else ""
    return (files, f"{host}-{below}-{folder_digest(memory.folder)}") if below else None


def _kernel_digest(uri: str) -> str:
    """Return a digest of what is below libvirt, or that it can't be seen; empty where that can't be told."""
    if hindrance(uri):
        return _UNSEEN
    from netreconcile.kernel.trace import trace

    try:
        return trace()
    except OSError:
        return ""


def _compared(options: argparse.Namespace, this: Round) -> int:
    """Load the files, compare them with the host, and print what differs."""
    from functools import partial

    from netreconcile.allowance import EVERYTHING
    from netreconcile.below.report import below_document, finding_lines
    from netreconcile.commands.below import examine
    from netreconcile.commands.output import show, show_json, tell, warn
    from netreconcile.commands.session import check_source, planned
    from netreconcile.document import plan_document
    from netreconcile.loader import load
    from netreconcile.logs import Level
    from netreconcile.metrics import standing
    from netreconcile.notice import notice
    from netreconcile.plan import plan
    from netreconcile.render import drift_lines

    check_source(options)
    loaded = load(options.topology, strict=options.strict)
    if options.verbose:
        warn(loaded.warnings)
    # What differs is told the same whether anybody may change it or not.
    result, there = planned(options, loaded.topology, partial(plan, allowed=EVERYTHING))
    below = examine(options, loaded.topology, there)
    in_sync = not result.drifted and not below.findings
    this.standing = standing(result, there.uri, below.findings, looked_below=not below.unknown)
    if not in_sync and options.output == "text":
        tell(notice(result, _background(options, result, there), below.findings), Level.WARNING)
    if options.output == "json":
        found = below_document(below.findings, below.unknown, below.accepted)
        show_json({**plan_document(result, there), "in_sync": in_sync, **found})
    elif options.output != "text":
        from netreconcile.commands.reported import reported

        reported(options, result, there, loaded, below)
    else:
        show(drift_lines(result))
        show(finding_lines(below.findings))
        if below.unknown and (options.verbose or not in_sync):
            tell(f"not looked at: what is below libvirt ({below.unknown})")
    return 0 if in_sync else 2


def _background(options: argparse.Namespace, result: Plan, there: Host) -> Background:
    """Return what the notice tells besides what differs."""
    from netreconcile.commands.session import journal_of
    from netreconcile.commands.since import last_written
    from netreconcile.notice import Background

    if options.state is not None:
        return Background(there.uri, options.topology, remote=True)
    journal = journal_of(options)
    agreement = Memory(journal.folder).latest(result.topology)
    latest = next((entry for entry in journal.each() if entry.header.topology == result.topology), None)
    where = ["-c", options.connect] if options.connect else []
    return Background(
        there.uri,
        [*where, *options.topology],
        agreed=agreement.when if agreement else None,
        latest=latest,
        written=last_written(there.uri, (part.name for part in result.drifted)),
    )


def _reminded(options: argparse.Namespace) -> bool:
    """Return whether there is something to remind of each time."""
    from netreconcile.commands.session import journal_of, reminders

    return bool(reminders(journal_of(options)))
