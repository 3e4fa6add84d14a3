"""What a command has around it that nobody watches: one at a time, a time limit, and metrics of each run."""

from __future__ import annotations

import os
import sys
import time
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from netreconcile.commands.uri import uri_of
from netreconcile.errors import Busy, JournalFailed, NetreconcileError
from netreconcile.folder import folder_of
from netreconcile.memory import LOCK

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Generator

    from netreconcile.metrics import Ending, Standing

TOO_LATE = 1
"""The exit code of a run that its time limit ended: whether the host matches can't be told."""


class StillComparing(Busy):
    """Another run compares this host; as both only look, this one isn't needed."""

    def __str__(self) -> str:
        return f"this host is being looked at already: {self.holder}. This run did nothing."


class Round:
    """One run. Whoever finds out sets `code`, and `standing` or `ending`."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.began = time.monotonic()
        self.code = 1
        self.standing: Standing | None = None
        self.ending: Ending | None = None

    @property
    def left(self) -> float | None:
        """Return how many seconds are left to the run, None where it has no limit."""
        limit = self.options.max_time
        return None if limit is None else max(0.0, limit - (time.monotonic() - self.began))

    def broke_off(self) -> None:
        """The metrics say that it can't be told how the host stands; where they can't be written, that is told."""
        from netreconcile.logs import Level, tell
        from netreconcile.metrics import MetricsFailed

        self.standing = None
        try:
            self.write_metrics()
        except MetricsFailed as error:
            tell(str(error), Level.ERROR)

    def write_metrics(self) -> None:
        """The metrics are in their file, if the options name one. Raises MetricsFailed."""
        options, seconds = self.options, time.monotonic() - self.began
        file, files = getattr(options, "metrics", None), " ".join(getattr(options, "topology", ()))
        if file is None:
            return
        from netreconcile.metrics import Run, write

        uri = self.standing.connection if self.standing else uri_of(options)
        write(file, Run(options.command, uri, files, self.code, time.time(), seconds, self.standing, self.ending))


@contextmanager
def round_of(options: argparse.Namespace) -> Generator[Round]:
    """Yield a run that is alone, ends in time, and whose metrics are written however it ends.

    Raises StillComparing where it isn't alone, MetricsFailed.
    """
    run = Round(options)
    with _alone(run), _in_time(run), _metered(run):
        yield run


def change(options: argparse.Namespace, carry_out: Callable[[argparse.Namespace], Ending]) -> int:
    """Return the exit code of a change, whose metrics are written however it ends. Raises MetricsFailed."""
    with _metered(Round(options)) as run:
        run.ending = carry_out(options)
        run.code = run.ending.code
    return run.code


@contextmanager
def _metered(run: Round) -> Generator[Round]:
    try:
        yield run
    except BaseException as error:
        run.code = error.exit_code if isinstance(error, NetreconcileError) else 1
        run.broke_off()
        raise
    run.write_metrics()


@contextmanager
def silence() -> Generator[None]:
    """Nothing is printed meanwhile; an error that ends the command is told afterwards."""
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        yield


@contextmanager
def _alone(run: Round) -> Generator[None]:
    """Be the only one that compares this host from here, so that runs on a host that hangs don't pile up.

    Who changes the host is neither waited for nor kept waiting. Where no lock can be kept there is none.
    """
    options = run.options
    patience = options.lock_timeout if run.left is None else min(options.lock_timeout, run.left)
    with ExitStack() as stack:
        if options.state is None:
            folder, purpose = folder_of(uri_of(options)), f"netreconcile {options.command}"
            try:
                with suppress(JournalFailed):
                    stack.enter_context(folder.locked(patience, purpose, lambda _: None, lock=LOCK))
            except Busy as error:
                raise StillComparing(error.holder) from None
        yield


@contextmanager
def _in_time(run: Round) -> Generator[None]:
    """End the process when the run's time is over, whatever it waits for then. It only looks, so nothing is torn."""
    if run.left is None:
        yield
        return
    from threading import Timer

    timer = Timer(run.left, _end, (run, sys.stderr))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(run: Round, stderr: TextIO) -> None:
    from netreconcile.logs import Level, tell

    sys.stderr = stderr  # --quiet turns it away
    run.code = TOO_LATE
    run.broke_off()
    uri = uri_of(run.options)
    tell(f"gave up after {run.options.max_time:g} s (--max-time): whether {uri} matches isn't known", Level.ERROR)
    sys.stderr.flush()
    os._exit(TOO_LATE)
