"""The forms of a plan, or of drift, that aren't text or JSON of our own: the one place that chooses among them."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from netreconcile.commands.output import tell
from netreconcile.errors import UsageError
from netreconcile.reports.subject import subject

if TYPE_CHECKING:
    import argparse

    from netreconcile.commands.below import Below
    from netreconcile.errors import Path as Place
    from netreconcile.errors import Position
    from netreconcile.loader import Loaded
    from netreconcile.observed import Host
    from netreconcile.plan import Plan
    from netreconcile.reports.subject import Subject

SUMMARY = "GITHUB_STEP_SUMMARY"
_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
_WITHOUT_JINJA = "-o html needs jinja2: `apt install python3-jinja2`, or `pip install 'netreconcile[html]'`"


def reported(options: argparse.Namespace, plan: Plan, host: Host, loaded: Loaded, below: Below | None = None) -> None:
    """Print the plan, and what is wrong below libvirt, in the form that the options name.

    Raises: UsageError where the form lacks something.
    """

    def where(path: Place) -> Position | None:
        place = loaded.source.position(path, key=len(path) <= 2)  # noqa: PLR2004 -- a network stands where its name does
        return place._replace(file=_from_root(place.file)) if place else None

    found, unseen = (below.findings, below.unknown) if below else ((), "")
    about = subject(options.command, plan, loaded.topology, host, where, below=found, unseen=unseen)
    print(_text(options, about), end="")


def _text(options: argparse.Namespace, about: Subject) -> str:
    match options.output:
        case "markdown":
            from netreconcile.reports.markdown import markdown

            return markdown(about)
        case "html":
            return _page(about)
        case "github":
            return _for_github(about)
        case "gitlab":
            from netreconcile.reports.gitlab import terraform

            return f"{json.dumps(terraform(about))}\n"
        case "gitlab-quality":
            from netreconcile.reports.gitlab import quality

            return f"{json.dumps(quality(about, [*map(_from_root, options.topology)]), indent=2)}\n"
        case _:
            from netreconcile.reports.junit import junit

            return junit(about)


def _page(about: Subject) -> str:
    try:
        from netreconcile.reports.html import html
    except ModuleNotFoundError as error:
        raise UsageError(_WITHOUT_JINJA) from error
    return html(about, time.strftime("%F %T %Z"))


def _for_github(about: Subject) -> str:
    """Return the annotations; the summary of the step, where GitHub has a file for it, has the whole."""
    from netreconcile.reports.github import workflow_commands
    from netreconcile.reports.markdown import markdown

    if file := os.environ.get(SUMMARY):
        try:
            with Path(file).open("a", encoding="utf-8") as summary:
                summary.write(f"\n{markdown(about)}")  # what stands before may be HTML, which only an empty line ends
        except OSError as error:
            tell(f"no summary of the step: {file}: {error.strerror}")
    return "".join(f"{line}\n" for line in workflow_commands(about))


def _from_root(file: str) -> str:
    """Return the file as a path in the repository, which is what GitHub and GitLab know."""
    root = next((os.environ[name] for name in _ROOTS if os.environ.get(name)), None) or Path.cwd()
    relative = os.path.relpath(file, root)
    return file if relative.startswith("..") else relative
