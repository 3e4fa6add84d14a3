"""The command line: its grammar, its help, and how errors end. Commands are loaded when they run."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from netreconcile import __version__
from netreconcile.arguments import COMMANDS
from netreconcile.errors import NetreconcileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXIT_CODES = """\
exit codes:
  0   in sync, applied and verified, or no promise broken
  1   failed: what was done, taken back and left is said; or it can't be told from here, or not in time
  2   drift found, a promise broken, or (plan --exit-code, fmt --check) changes to make
  3   refused or held back: consent, permission, a cap or policy, protection, foreign owner, stale plan
  4   failed and rolled back: the host is as it was before
  64  wrong usage
  65  invalid topology, state, or operator's policy
  69  libvirt or the lab can't be reached
  75  another run is changing this host, or (drift) looking at it
"""
_EPILOG = f"""\
connection: -c URI, else $LIBVIRT_DEFAULT_URI, else qemu:///system

{_EXIT_CODES}
start here:
  netreconcile lab run -- sh             a disposable libvirt host to try things on
  netreconcile import > topology.yaml    what this host has, as a file
  netreconcile plan topology.yaml        what would be changed, and whom it cuts off
"""
_OWN_OPTIONS = ("-h", "--help", "--version")
_INTERRUPTED = 128 + 2
"""What a shell reports for a command that SIGINT ended."""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as exit code 64: argparse's 2 would look like drift."""

    def error(self, message: str) -> NoReturn:
        from netreconcile.logs import Level, tell

        tell(f"{self.format_usage()}{self.prog}: {message}", Level.ERROR)
        self.exit(UsageError.exit_code)


def parser(line: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """Return the parser of every command line, or of one: where that begins with a command, it knows only this one."""
    top = _Parser(
        prog="netreconcile",
        description="Make the virtual networks of a libvirt host match a file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"netreconcile {__version__}")
    top.set_defaults(verbose=0, log_format="text")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser, prog=top.prog)
    asked = [command for command in COMMANDS if line and command.name == line[0]]
    for command in asked or COMMANDS:
        added = commands.add_parser(
            command.name,
            help=command.does,
            description=f"{command.does[0].upper()}{command.does[1:]}.",
            epilog=_EXIT_CODES,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        added.set_defaults(module=f"netreconcile.commands.{command.name if command.name != 'import' else 'import_'}")
        if asked or line is None:
            command.configure(added)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    line = sys.argv[1:] if argv is None else argv
    if "JOURNAL_STREAM" not in os.environ:
        return _main(line)
    from netreconcile.logs import records

    with records():
        return _main(line)


def _main(line: Sequence[str]) -> int:
    grammar = parser(line)
    if line and line[0].startswith("-") and line[0] not in _OWN_OPTIONS:
        _refuse_misplaced(grammar, line)
    options = grammar.parse_args(line)
    if not options.verbose and options.log_format == "text":
        return _ended(options)
    from netreconcile.logs import calls, records

    if options.verbose:
        calls(options.verbose)
    if options.log_format == "text":
        return _ended(options)
    with records(command=options.command):
        return _ended(options)


def _refuse_misplaced(grammar: argparse.ArgumentParser, line: Sequence[str]) -> None:
    """End with the line as it was meant, if options stand before a command, where virsh has them."""
    import shlex

    names = [command.name for command in COMMANDS]
    meant = sorted(line, key=lambda word: word not in names)
    if meant[0] in names:
        grammar.error(f"{line[0].partition('=')[0]} belongs after the command: netreconcile {shlex.join(meant)}")


def _ended(options: argparse.Namespace) -> int:
    """Run the command, turn how it ends into an exit code, and say what went wrong."""
    try:
        code: int = importlib.import_module(options.module).run(options)
    except NetreconcileError as error:
        _complain(str(error))
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has gone; what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        _complain("interrupted")
        return _INTERRUPTED
    except Exception as error:  # the last line of defence: a bug must not look like a user's mistake
        import logging

        logging.getLogger(__name__).info("", exc_info=error)
        _complain(f"unexpected {type(error).__name__}: {error}")
        _complain("This is a bug in netreconcile: please report it with what the same command with -v prints.")
        return 1
    return code


def _complain(text: str) -> None:
    from netreconcile.logs import Level, tell

    tell(text, Level.ERROR)
