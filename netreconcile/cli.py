"""The command line: its grammar, its help, and how errors end. Commands are loaded when they run."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from typing import TYPE_CHECKING, NoReturn, TypeAlias

from netreconcile import __version__
from netreconcile.allowance import POLICY_FILE
from netreconcile.errors import NetreconcileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_EXIT_CODES = """\
exit codes:
  0   in sync, or applied and verified
  1   failed: what was done, taken back and left is said
  2   drift found, or (plan --exit-code) changes to make
  3   refused or held back: consent, permission, a cap or policy, protection, foreign owner, stale plan
  4   failed and rolled back: the host is as it was before
  64  wrong usage
  65  invalid topology, or operator's policy
  69  libvirt or the lab can't be reached
  75  another run is changing this host
"""
_EPILOG = f"""\
connection: -c URI, else $LIBVIRT_DEFAULT_URI, else qemu:///system

{_EXIT_CODES}
start here:
  netreconcile lab run -- sh             a disposable libvirt host to try things on
  netreconcile import > topology.yaml    what this host has, as a file
  netreconcile plan topology.yaml        what would be changed, and whom it cuts off
"""


_LONGEST = 7 * 24 * 3600
_DIGITS = 9
_INTERRUPTED = 128 + 2
"""What a shell reports for a command that SIGINT ended."""


class _Parser(argparse.ArgumentParser):
    """Reports wrong usage as exit code 64: argparse's 2 would look like drift."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(UsageError.exit_code, f"{self.prog}: {message}\n")


Commands: TypeAlias = "argparse._SubParsersAction[_Parser]"  # noqa: SLF001 -- argparse has no public name for it


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

    _add_main(commands)
    _add_past(commands)
    _add_others(commands)
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
        from netreconcile.spelling import printable

        print("\n".join(map(printable, str(error).split("\n"))), file=sys.stderr)
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


def _add_main(commands: Commands) -> None:
    """Add what people use every day."""
    validate = _add(commands, "validate", "check the files, offline", topology=True)
    _add_strict(validate)

    plan = _add(commands, "plan", "show what apply would do, and whom it cuts off", topology=True, host=True)
    _add_strict(plan)
    _add_take_over(plan)
    _add_cap(plan)
    _add_permissions(plan)
    plan.add_argument("--exit-code", action="store_true", help="exit 2 if there is anything to do")
    plan.add_argument(
        "--out",
        metavar="FILE.json",
        help="save the plan; `apply FILE.json` does exactly that, or refuses if it is stale",
    )

    apply = _add(
        commands,
        "apply",
        "make the host match the files, or carry out a saved plan; verify it",
        topology=True,
        host=True,
    )
    _add_strict(apply)
    _add_take_over(apply)
    _add_cap(apply)
    _add_allow(apply)
    _add_writing(apply)
    apply.add_argument("--expect", metavar="FINGERPRINT", help="refuse any plan but the one with this fingerprint")
    apply.add_argument(
        "--confirm",
        metavar="SECONDS",
        type=_seconds,
        help="take everything back after so long, unless `netreconcile confirm` comes first",
    )
    apply.add_argument("--again", action="store_true", help="apply a file that was taken back before, too")
    _add_permissions(apply)

    drift = _add(
        commands, "drift", "compare; silent and 0 if in sync, exit 2 if not (for cron)", topology=True, host=True
    )
    _add_strict(drift)

    destroy = _add(commands, "destroy", "remove the networks that this topology owns", topology=True, host=True)
    _add_allow(destroy)
    _add_writing(destroy)


def _add_past(commands: Commands) -> None:
    """Add what deals with the changes that were made."""
    _add(commands, "history", "list what was done to the host from here", host=True)

    rollback = _add(commands, "rollback", "take back what was done to the host", host=True)
    rollback.add_argument(
        "entry", nargs="?", type=_entry, metavar="ENTRY", help="its number in `history` (default: the latest)"
    )
    rollback.add_argument(
        "--discard-changes", action="store_true", help="take back also what was changed since, by whomever"
    )
    rollback.add_argument("--unless-confirmed", type=_entry, help=argparse.SUPPRESS)
    _add_allow(rollback)
    _add_writing(rollback)

    confirm = _add(commands, "confirm", "keep what was applied with --confirm", host=True, formats=("text",))
    _add_lock_timeout(confirm)


def _add_others(commands: Commands) -> None:
    """Add what translates and shows."""
    import_ = _add(commands, "import", "print a topology file for what the host has", host=True, formats=("yaml",))
    import_.add_argument("network", nargs="*", metavar="NETWORK", help="a network of the host (default: all)")
    import_.add_argument("--name", help="the topology's name in the file")

    render = _add(commands, "render", "print the XML that defines the networks, offline", topology=True)
    _add_strict(render)
    render.add_argument("--network", action="append", default=[], help="only this one; may be repeated")

    show = _add(
        commands,
        "show",
        "show the host's networks with owner, guests and leases, or an entry of the history",
        host=True,
    )
    show.add_argument("entry", nargs="?", type=_entry, metavar="ENTRY", help="a number in `history`")

    schema = _add(
        commands, "schema", "print a JSON Schema: of topologies, plans, the history or policies", formats=("json",)
    )
    schema.add_argument(
        "which", nargs="?", choices=("topology", "plan", "history", "operator-policy"), default="topology"
    )


def _add(  # noqa: PLR0913 -- what commands differ in
    commands: Commands,
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
        command.add_argument(
            "--timeout",
            metavar="SECONDS",
            type=_seconds,
            default=30.0,
            help="give up connecting after so long (default: %(default)g)",
        )
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


def _add_writing(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--on-error",
        choices=("rollback", "keep-going"),
        default="rollback",
        help="after a failure take everything back, or only the network that failed (default: %(default)s)",
    )
    _add_lock_timeout(command)


def _add_lock_timeout(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--lock-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=0.0,
        help="wait so long for another run that is changing this host (default: %(default)g)",
    )


def _seconds(text: str) -> float:
    """Return a span of time. Raises argparse.ArgumentTypeError."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        msg = f"{text!r} is no number of seconds from 0 to {_LONGEST}"
        raise argparse.ArgumentTypeError(msg)
    return seconds


def _entry(text: str) -> int:
    """Return an entry's number. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdecimal() or len(text) > _DIGITS:
        msg = f"{text!r} is no number of an entry: `netreconcile history` lists them"
        raise argparse.ArgumentTypeError(msg)
    return int(text)


def _add_permissions(command: argparse.ArgumentParser) -> None:
    permissions = command.add_argument_group(
        "permissions", "What a topology adds of these is refused unless the host's operator permits it."
    )
    permissions.add_argument(
        "--allow-dnsmasq-options", action="store_true", help="permit dnsmasq_options, which can run programs as root"
    )
    permissions.add_argument(
        "--allow-tftp-root", action="store_true", help="permit tftp roots, folders of the host that guests can read"
    )
    permissions.add_argument(
        "--operator-policy",
        metavar="FILE",
        help=f"what the operator permits in general (default: {POLICY_FILE}, which may be missing)",
    )
