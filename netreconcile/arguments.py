"""The commands and their arguments: the one list that the command line is made of."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

_REPORTS = ("text", "json", "markdown", "html", "github", "gitlab", "gitlab-quality", "junit")
_IMPACTS = ("none", "live", "restart", "remove")
_LONGEST = 7 * 24 * 3600
_DIGITS = 9


class Command(NamedTuple):
    """A command: its name, what it does in a line, and what adds its arguments, once they are needed."""

    name: str
    does: str
    configure: Callable[[argparse.ArgumentParser], None]


def _validate(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_output(command)
    _add_strict(command)


def _fmt(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    command.add_argument(
        "--check", action="store_true", help="write nothing; print what would change, and exit 2 if any"
    )
    command.set_defaults(verbose=0)


def _plan(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command, *_REPORTS)
    _add_strict(command)
    _add_state(command)
    _add_take_over(command)
    _add_cap(command)
    _add_permissions(command)
    command.add_argument("--exit-code", action="store_true", help="exit 2 if there is anything to do")
    command.add_argument(
        "--out",
        metavar="FILE.json",
        help="save the plan; `apply FILE.json` does exactly that, or refuses if it is stale",
    )


def _apply(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command)
    _add_strict(command)
    _add_take_over(command)
    _add_cap(command)
    _add_allow(command)
    _add_writing(command)
    command.add_argument("--expect", metavar="FINGERPRINT", help="refuse any plan but the one with this fingerprint")
    command.add_argument(
        "--confirm",
        metavar="SECONDS",
        type=_seconds,
        help="take everything back after so long, unless `netreconcile confirm` comes first",
    )
    command.add_argument("--again", action="store_true", help="apply a file that was taken back before, too")
    _add_permissions(command)


def _drift(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command, *_REPORTS)
    _add_strict(command)
    _add_state(command)
    command.add_argument(
        "-q", "--quiet", action="store_true", help="print no differences: the exit code tells; errors are still said"
    )
    command.add_argument(
        "--max-time", metavar="SECONDS", type=_seconds, help="give up after so long, with exit code 1 (default: never)"
    )
    command.add_argument(
        "--lock-timeout",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="wait so long for another drift that looks at this host; "
        "then do nothing, with exit code 75 (default: %(default)g)",
    )
    _add_metrics(command, "what was found")


def _watch(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command, "text")
    _add_strict(command)
    command.add_argument(
        "--interval",
        metavar="SECONDS",
        type=_seconds,
        default=60.0,
        help="look so often even if nothing tells of a change (default: %(default)g)",
    )
    command.add_argument(
        "--max-time",
        metavar="SECONDS",
        type=_seconds,
        default=120.0,
        help="give up a look after so long (default: %(default)g)",
    )
    _add_metrics(command, "what was found")
    command.add_argument("--apply", action="store_true", help="apply what differs, as far as nobody has to consent")
    command.add_argument(
        "--max-impact",
        choices=_IMPACTS,
        help="with --apply: hold back what is worse for a network (default: live); the rest is done",
    )
    _add_permissions(command)


def _status(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "topology", nargs="*", metavar="TOPOLOGY", help="files and directories that make one topology (default: none)"
    )
    _add_host(command)
    _add_output(command)


def _doctor(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "topology", nargs="*", metavar="TOPOLOGY", help="files and directories that are to be applied (default: none)"
    )
    _add_host(command)
    _add_output(command)


def _repair(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command)
    _add_strict(command)
    _add_cap(command)
    _add_allow(command)
    _add_writing(command)
    _add_permissions(command)


def _verify(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command)
    command.add_argument(
        "--network", action="append", default=[], metavar="NAME", help="only this one; may be repeated"
    )
    command.add_argument(
        "--full",
        action="store_true",
        help="plug guests into the networks, see what they live through, and unplug them (default: ask from the host)",
    )
    command.add_argument(
        "--lan",
        action="store_true",
        help="with --full: also into public bridges and macvtap networks, where the LAN sees new MAC addresses",
    )


def _rehearse(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command)
    _add_strict(command)
    _add_state(command)
    _add_take_over(command)
    _add_cap(command)
    _add_permissions(command)
    command.add_argument(
        "--full", action="store_true", help="verify the networks of the copy with guests that are plugged in (--full)"
    )


def _destroy(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_host(command)
    _add_output(command)
    _add_allow(command)
    _add_writing(command)


def _history(command: argparse.ArgumentParser) -> None:
    _add_host(command)
    _add_output(command)


def _rollback(command: argparse.ArgumentParser) -> None:
    _add_host(command)
    _add_output(command)
    command.add_argument(
        "entry", nargs="?", type=_entry, metavar="ENTRY", help="its number in `history` (default: the latest)"
    )
    command.add_argument(
        "--discard-changes", action="store_true", help="take back also what was changed since, by whomever"
    )
    command.add_argument("--unless-confirmed", type=_entry, help=argparse.SUPPRESS)
    _add_allow(command)
    _add_writing(command)


def _confirm(command: argparse.ArgumentParser) -> None:
    _add_host(command)
    _add_output(command, "text")
    _add_lock_timeout(command)


def _import(command: argparse.ArgumentParser) -> None:
    _add_host(command)
    _add_output(command, "yaml")
    command.add_argument("network", nargs="*", metavar="NETWORK", help="a network of the host (default: all)")
    command.add_argument("--name", help="the topology's name in the file")


def _render(command: argparse.ArgumentParser) -> None:
    _add_topology(command)
    _add_output(command)
    _add_strict(command)
    command.add_argument("--network", action="append", default=[], help="only this one; may be repeated")


def _show(command: argparse.ArgumentParser) -> None:
    _add_host(command)
    _add_output(command)
    command.add_argument("entry", nargs="?", type=_entry, metavar="ENTRY", help="a number in `history`")
    command.add_argument(
        "--export",
        metavar="FILE.json",
        help="write what `--state` of other commands needs of this host, for where it can't be reached; - is stdout",
    )


def _graph(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "topology", nargs="*", metavar="TOPOLOGY", help="files and directories of a topology (default: draw the host)"
    )
    _add_host(command)
    _add_output(command, "mermaid", "dot", "svg")
    _add_strict(command)
    _add_state(command)
    command.add_argument(
        "--drift", action="store_true", help="compare the files with the host; -c and --state, with files, do so too"
    )


def _schema(command: argparse.ArgumentParser) -> None:
    _add_output(command, "json")
    command.add_argument(
        "which",
        nargs="?",
        choices=(
            *("topology", "plan", "history", "verification", "rehearsal", "status", "doctor"),
            *("state", "operator-policy"),
        ),
        default="topology",
    )


def _lab(command: argparse.ArgumentParser) -> None:
    from netreconcile.lab.command import configure

    command.set_defaults(module="netreconcile.lab.command", verbose=0)
    configure(command)


def _add_topology(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "topology", nargs="+", metavar="TOPOLOGY", help="files and directories that make one topology; - is stdin"
    )


def _add_host(command: argparse.ArgumentParser) -> None:
    command.add_argument("-c", "--connect", metavar="URI", help="the libvirt host, any URI that libvirt knows")
    command.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds,
        default=30.0,
        help="give up connecting after so long (default: %(default)g)",
    )


def _add_output(command: argparse.ArgumentParser, *formats: str) -> None:
    """Add the formats, text and JSON if none is named, the first one being the default; and how much to tell."""
    choices = formats or ("text", "json")
    command.add_argument("-o", "--output", choices=choices, default=choices[0], help="format (default: %(default)s)")
    command.add_argument(
        "-v", "--verbose", action="count", default=0, help="tell each libvirt call; twice: its XML too"
    )
    command.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="what standard error gets: lines for people, or a JSON object for each (default: %(default)s)",
    )


def _add_strict(command: argparse.ArgumentParser) -> None:
    command.add_argument("--strict", action="store_true", help="treat warnings about the files as errors")


def _add_state(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--state",
        metavar="FILE.json",
        help="for the host that `show --export` wrote this file on, as it was then; the host isn't asked; - is stdin",
    )


def _add_take_over(command: argparse.ArgumentParser) -> None:
    command.add_argument("--take-over", action="store_true", help="take networks that belong to another topology")


def _add_cap(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--max-impact",
        choices=_IMPACTS,
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
    _add_metrics(command, "how it went")


def _add_metrics(command: argparse.ArgumentParser, what: str) -> None:
    command.add_argument(
        "--metrics", metavar="FILE.prom", help=f"write {what} for Prometheus's node exporter (textfile)"
    )


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
    from netreconcile.allowance import POLICY_FILE

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


COMMANDS = (
    Command("validate", "check the files, offline", _validate),
    Command("fmt", "write the files in the one layout; what they say stays, and each comment", _fmt),
    Command("plan", "show what apply would do, and whom it cuts off", _plan),
    Command("apply", "make the host match the files, or carry out a saved plan; verify it", _apply),
    Command("drift", "compare; silent and 0 if in sync, exit 2 if not (for cron)", _drift),
    Command("watch", "compare with each change and tell what has changed, until stopped; --apply mends it", _watch),
    Command("status", "show how each network stands: guests, leases, the file, and below libvirt", _status),
    Command("repair", "put right what the host has made of the networks, at the least cost; verify it", _repair),
    Command("doctor", "tell whether this host is fit for networks, and the exact fix for what isn't", _doctor),
    Command("verify", "tell whether the networks do for guests what they promise; exit 2 if not", _verify),
    Command(
        "rehearse",
        "carry the plan out on a copy of the host, in a lab, and tell what would happen; exit 1 if it would fail",
        _rehearse,
    ),
    Command("destroy", "remove the networks that this topology owns", _destroy),
    Command("history", "list what was done to the host from here", _history),
    Command("rollback", "take back what was done to the host", _rollback),
    Command("confirm", "keep what was applied with --confirm", _confirm),
    Command("import", "print a topology file for what the host has", _import),
    Command("render", "print the XML that defines the networks, offline", _render),
    Command("show", "show the host's networks with owner, guests and leases, or an entry of the history", _show),
    Command("graph", "draw the topology of files, of the host, or of both, coloured by drift", _graph),
    Command(
        "schema",
        "print a JSON Schema: of topologies, plans, the history, what other commands print, states or policies",
        _schema,
    ),
    Command("lab", "disposable private libvirt hosts", _lab),
)
"""In the order of the help."""
