"""A plan or drift as a page: the topology drawn, and the changes beside it; light or dark, and nothing is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from netreconcile.document import fingerprint
from netreconcile.graph.graph import tone
from netreconcile.graph.svg import svg
from netreconcile.render import guest_names
from netreconcile.reports.subject import clean

if TYPE_CHECKING:
    from netreconcile.reports.subject import Subject


def html(subject: Subject, when: str) -> str:
    """Return the page; `when` says when the host was looked at."""
    plan = subject.plan
    # Every name that goes in is escaped by the template; the drawing has escaped its own.
    page = Environment(
        loader=PackageLoader("netreconcile", "reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    ).get_template("page.html.jinja")
    networks = [
        {
            "name": clean(part.name),
            "happens": subject.happens(part),
            "tone": tone(part, broken=subject.broken(part)).name.lower(),
            "impact": str(part.impact) if part.steps else "",
            "cut": clean(guest_names(part.cut)) if part.cut else "",
            "notes": [clean(note) for note in part.notes],
            "differences": subject.of(part),
        }
        for part in subject.shown
    ]
    return (
        page.render(
            command=subject.command,
            topology=subject.title,
            uri=subject.uri,
            libvirt=".".join(map(str, subject.host.version)),
            when=when,
            summary=subject.summary,
            drawing=Markup(svg(subject.graph, alone=False)),  # noqa: S704 -- see above
            unseen=subject.unseen,
            networks=networks,
            steps=[clean(str(step)) for step in plan.steps],
            fingerprint=fingerprint(plan) if plan.steps else "",
        )
        + "\n"
    )
