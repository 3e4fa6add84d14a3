"""The command line: its grammar, its help, and how errors end. Commands are loaded when they run."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from netreconcile import __version__
from netreconcile.errors import NetreconcileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXIT_CODES = """\
exit codes:
  0   in sync, or applied and verified
  1   failed
  2   drift found, or (plan --exit-code) changes to make
  3   refused or held back: consent, a cap or policy, protection, foreign owner
  64  wrong usage
  65  invalid topology
  69  libvirt or the lab can't be reached
"""
_EPILOG = f"""\
connection: -c URI, else $LIBVIRT_DEFAULT_URI, else qemu:///system

{_EXIT_CODES}
start here:
  netreconcile lab run -- sh             a disposable libvirt host to try things on
  netreconcile import > topology.yaml    what this host has, as a file
  netreconcile plan topology.yaml        what would be changed, and whom it cuts off
"""


_INTERRUPTED = 128 + 2
"""What a shell reports for a command that SIGINT ended."""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as exit code 64: argparse's 2 would look like drift."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UsageError.exit_code, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line."""
    top = _Parser(
        prog="netreconcile",
        description="Make the virtual networks of a libvirt host match a file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"netreconcile {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=_Parser)

    validate = _add(commands, "validate", "check the files, offline", topology=True)
    _add_strict(validate)

    plan = _add(commands, "plan", "show what apply would do, and whom it cuts off", topology=True, host=True)
    _add_strict(plan)
    _add_take_over(plan)
    _add_cap(plan)
    plan.add_argument("--exit-code", action="store_true", help="exit 2 if there is anything to do")

    apply = _add(commands, "apply", "make the host match the files, and verify it", topology=True, host=True)
    _add_strict(apply)
    _add_take_over(apply)
    _add_cap(apply)
    _add_allow(apply)

    drift = _add(
        commands, "drift", "compare; silent and 0 if in sync, exit 2 if not (for cron)", topology=True, host=True
    )
    _add_strict(drift)

    destroy = _add(commands, "destroy", "remove the networks that this topology owns", topology=True, host=True)
    _add_allow(destroy)

    import_ = _add(commands, "import", "print a topology file for what the host has", host=True, formats=("yaml",))
    import_.add_argument("network", nargs="*", metavar="NETWORK", help="a network of the host (default: all)")
    import_.add_argument("--name", help="the topology's name in the file")

    render = _add(commands, "render", "print the XML that defines the networks, offline", topology=True)
    _add_strict(render)
    render.add_argument("--network", action="append", default=[], help="only this one; may be repeated")

    _add(commands, "show", "show the host's networks with owner, guests and leases", host=True)

    schema = _add(commands, "schema", "print the JSON Schema of topology files or plans", formats=("json",))
    schema.add_argument("which", nargs="?", choices=("topology", "plan"), default="topology")

    lab = commands.add_parser(
        "lab", help="disposable private libvirt hosts", description="Disposable private libvirt hosts."
    )
    lab.set_defaults(module="netreconcile.lab.command", verbose=0)
    from netreconcile.lab.command import configure

    configure(lab)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = parser().parse_args(argv)
    if options.verbose:
        level = logging.DEBUG if options.verbose > 1 else logging.INFO
        logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(message)s")
    try:
        code: int = importlib.import_module(options.module).run(options)
    except NetreconcileError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        # Whoever read the output has gone; what is still buffered must not fail once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return _INTERRUPTED
    except Exception as error:  # the last line of defence: a bug must not look like a user's mistake
        logging.getLogger(__name__).info("", exc_info=error)
        print(f"unexpected {type(error).__name__}: {error}", file=sys.stderr)
        print(
            "This is a bug in netreconcile: please report it with what the same command with -v prints.",
            file=sys.stderr,
        )
        return 1
    return code


def _add(  # noqa: PLR0913 -- what commands differ in
    commands: argparse._SubParsersAction[_Parser],
    name: str,
    help_: str,
    *,
    topology: bool = False,
    host: bool = False,
    formats: tuple[str, ...] = ("text", "json"),
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.",
        epilog=_EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(module=f"netreconcile.commands.{name if name != 'import' else 'import_'}")
    if topology:
        command.add_argument(
            "topology", nargs="+", metavar="TOPOLOGY", help="files and directories that make one topology; - is stdin"
        )
    if host:
        command.add_argument("-c", "--connect", metavar="URI", help="the libvirt host, any URI that libvirt knows")
    command.add_argument("-o", "--output", choices=formats, default=formats[0], help="format (default: %(default)s)")
    command.add_argument(
        "-v", "--verbose", action="count", default=0, help="tell each libvirt call; twice: its XML too"
    )
    return command


def _add_strict(command: argparse.ArgumentParser) -> None:
    command.add_argument("--strict", action="store_true", help="treat warnings about the files as errors")


def _add_take_over(command: argparse.ArgumentParser) -> None:
    command.add_argument("--take-over", action="store_true", help="take networks that belong to another topology")


def _add_cap(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-impact",
        choices=("none", "live", "restart", "remove"),
        default="remove",
        help="hold back what is worse for a network (default: %(default)s); the rest is done",
    )


def _add_allow(command: argparse.ArgumentParser) -> None:
    command.add_argument("--allow-disruption", action="store_true", help="cut off connected guests without asking")
