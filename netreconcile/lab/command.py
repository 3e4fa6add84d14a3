"""`netreconcile lab`: labs that stay, labs for a single command, and the doctor. The only module here that prints."""

from __future__ import annotations

import os
import re
import signal
import sys
from typing import TYPE_CHECKING

from netreconcile.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from netreconcile.lab.running import Running

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}")
"""Also the lab's host name."""
FORMAT_VERSION = 1


def configure(parser: argparse.ArgumentParser) -> None:
    """The parser understands the commands of the lab."""
    commands = parser.add_subparsers(dest="lab_command", metavar="COMMAND", required=True)

    start = commands.add_parser("start", help="start a lab that stays until it is stopped")
    start.add_argument("--name", help="what to call it (default: the first free one of lab, lab2, lab3, ...)")
    _add_options(start)

    listing = commands.add_parser("list", help="list the labs that stay")
    listing.add_argument("-o", "--output", choices=("text", "json"), default="text", help="format (default: text)")

    stop = commands.add_parser("stop", help="stop labs; nothing of them is left")
    which = stop.add_mutually_exclusive_group(required=True)
    which.add_argument("names", nargs="*", metavar="NAME", default=[], help="a running lab")
    which.add_argument("--all", action="store_true", help="all of this user's labs")

    shell = commands.add_parser("shell", help="open a shell inside a running lab")
    shell.add_argument("name", nargs="?", metavar="NAME", default="", help="which one, if several are running")

    run_ = commands.add_parser(
        "run",
        help="run one command inside a lab of its own",
        description="Start a lab, run the command inside, where the lab is all it sees of the host, remove the lab, "
        "and exit as it did.",
    )
    _add_options(run_)
    run_.add_argument("argv", nargs="...", metavar="-- COMMAND...", help="the command and its arguments")

    doctor = commands.add_parser("doctor", help="tell whether a lab can run here, and what would help if not")
    doctor.add_argument("--guests", action="store_true", help="also look at what QEMU guests need")


def _add_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--guests", action="store_true", help="with libvirt's QEMU driver, for guests (needs root)")
    parser.add_argument(
        "--no-scenery", dest="scenery", action="store_false", help="without the uplink eth0, the bridge br0 and the LAN"
    )
    parser.add_argument("--log", action="store_true", help="let the daemon write each call to its log inside the lab")


def run(options: argparse.Namespace) -> int:
    """Carry out the command and return the exit code. Raises: NetreconcileError."""
    match options.lab_command:
        case "start":
            return _start(options)
        case "list":
            return _list(as_json=options.output == "json")
        case "stop":
            return _stop(options)
        case "shell":
            return _shell(options.name)
        case "run":
            return _run(options)
        case _:
            return _doctor(guests=options.guests)


def _start(options: argparse.Namespace) -> int:
    if options.name is not None and not NAME.fullmatch(options.name):
        raise UsageError(f"{options.name!r} can't name a lab: use up to 31 letters, digits and hyphens")
    lab = _launch(options)
    print(lab.uri)
    name = lab.setup.name
    print(
        f"The lab {name} is running. To use it:\n"
        f"  export LIBVIRT_DEFAULT_URI='{lab.uri}'\n"
        f"  netreconcile lab shell {name}    (a shell that sees the lab as its host)\n"
        f"  netreconcile lab stop {name}",
        file=sys.stderr,
    )
    return 0


def _launch(options: argparse.Namespace) -> Running:
    """Return a new lab that stays, with the name that was asked for or else the first that is free."""
    from netreconcile.lab import launch, programs
    from netreconcile.lab.errors import NameTaken

    number = 1
    while True:
        name = options.name or ("lab" if number == 1 else f"lab{number}")
        setup = programs.setup(name=name, guests=options.guests, scenery=options.scenery, log=options.log)
        try:
            launched = launch.launch(setup)
        except NameTaken:
            if options.name:
                raise
            number += 1
        else:
            launched.channel.close()
            return launched.running


def _list(*, as_json: bool) -> int:
    from netreconcile.lab import running

    labs = running.named()
    if as_json:
        import json

        document = {"format_version": FORMAT_VERSION, "labs": [_entry(lab) for lab in labs]}
        print(json.dumps(document, indent=2))
        return 0
    if not labs:
        print("no lab is running: start one with `netreconcile lab start`", file=sys.stderr)
    for lab in labs:
        print(f"{lab.setup.name:<12} {lab.uri}")
    return 0


def _entry(lab: Running) -> dict[str, str | int | bool]:
    return {
        "name": lab.setup.name,
        "uri": lab.uri,
        "pid": lab.pid,
        "guests": lab.setup.guests,
        "scenery": lab.setup.scenery,
    }


def _stop(options: argparse.Namespace) -> int:
    from netreconcile.lab import running

    labs = running.named() if options.all else tuple(running.find(name) for name in options.names)
    for lab in labs:
        running.stop(lab)
        print(f"stopped {lab.setup.name}", file=sys.stderr)
    return 0


def _shell(name: str) -> int:
    from netreconcile.lab import running

    lab = running.find(name)
    print(f"You are in the lab {lab.setup.name}; leave it with `exit`, it goes on.", file=sys.stderr)
    return _foreground(lab, [os.environ.get("SHELL", "/bin/sh")])


def _run(options: argparse.Namespace) -> int:
    argv = options.argv[1:] if options.argv[:1] == ["--"] else options.argv
    if not argv:
        raise UsageError("which command? for example: netreconcile lab run -- virsh net-list --all")
    from netreconcile.lab.lab import Lab

    with Lab(guests=options.guests, scenery=options.scenery, log=options.log) as lab:
        return _foreground(lab.running, argv)


def _foreground(lab: Running, argv: list[str]) -> int:
    """Return the exit code of a command inside the lab that has this process's terminal, Ctrl-C included."""
    import subprocess

    before = signal.signal(signal.SIGINT, signal.SIG_IGN), signal.signal(signal.SIGQUIT, signal.SIG_IGN)
    try:
        return subprocess.call(lab.command(*argv), env=lab.environment(os.environ))
    finally:
        signal.signal(signal.SIGINT, before[0])
        signal.signal(signal.SIGQUIT, before[1])


def _doctor(*, guests: bool) -> int:
    from netreconcile.lab import doctor

    findings = doctor.examine(guests=guests)
    for finding in findings:
        print(f"{'ok  ' if finding.fine else 'FAIL'}  {finding.seen}")
        if finding.remedy:
            print(f"      -> {finding.remedy}")
    return 0 if findings[-1].fine else 1
