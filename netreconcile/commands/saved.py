"""Plans in files: written by `plan --out`, and carried out by `apply` only if a new plan is the same.

Nothing of the file is ever done: it is compared with what is planned now, so that a file from elsewhere can't do harm.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import from_json

from netreconcile.commands.files import write
from netreconcile.commands.uri import uri_of
from netreconcile.document import differences, plan_document
from netreconcile.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from netreconcile.observed import Host
    from netreconcile.plan import Plan

MAX_BYTES: Final = 64 * 1024 * 1024
_KEY: Final = b'"fingerprint"'
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
Impact = Literal["none", "live", "restart", "remove"]


def _comparable(plan: dict[str, Any]) -> dict[str, Any]:
    """Return the plan's document if another one can be compared with it. Raises ValueError."""
    try:
        told = differences(plan, {"networks": [], "steps": []})
    except (KeyError, TypeError, AttributeError) as error:
        msg = "its networks or steps have another shape"
        raise ValueError(msg) from error
    if any(_CONTROL.search(line) for line in told):
        msg = "it has control characters, which no topology can have"
        raise ValueError(msg)
    return plan


class SavedPlan(BaseModel):
    """A plan as it was reviewed, the files that it is for, and the cap that it was made with.

    What permits something, such as `--take-over`, is not in it: whoever applies the plan says that again.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    format_version: Literal[1]
    fingerprint: str
    topology_digest: str
    connection: str
    files: Annotated[tuple[str, ...], Field(min_length=1)]
    max_impact: Impact
    plan: Annotated[dict[str, Any], AfterValidator(_comparable)]

    def prepare(self, options: argparse.Namespace) -> None:
        """Change the options so that they ask for this plan again. Raises UsageError."""
        # The file does not choose the host: a URI of libvirt's can name a program to run.
        if uri_of(options) != self.connection:
            msg = f"the plan was made for {self.connection!r}, and this is {uri_of(options)}: -c names the host"
            raise UsageError(msg)
        options.topology = list(self.files)
        order = ("none", "live", "restart", "remove")
        options.max_impact = min(options.max_impact, self.max_impact, key=order.index)


def saved(arguments: Sequence[str]) -> SavedPlan | None:
    """Return the saved plan that the only argument is, None where it is something else. Raises UsageError."""
    if len(arguments) != 1 or not arguments[0].endswith(".json"):
        return None
    name = arguments[0]
    try:
        if not Path(name).is_file():
            return None
        with Path(name).open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except OSError:
        return None  # the loader says what is wrong with it
    if _KEY not in text:
        return None
    if len(text) > MAX_BYTES:
        msg = f"{name} is larger than {MAX_BYTES // 1024 // 1024} MiB"
        raise UsageError(msg)
    try:
        document = from_json(text)
        if isinstance(document, dict) and "fingerprint" not in document:
            return None
        return SavedPlan.model_validate(document)
    except ValueError as error:
        why = str(error)
        if isinstance(error, ValidationError):
            first = error.errors(include_url=False)[0]
            why = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        msg = f"{name} is no plan that `netreconcile plan --out` saved: {why}"
        raise UsageError(msg) from error


def save(path: str, options: argparse.Namespace, plan: Plan, host: Host, digest: str) -> None:
    """The file holds the plan, whole. Raises UsageError where it can't be written."""
    document = plan_document(plan, host)
    content = SavedPlan(
        format_version=1,
        fingerprint=document["fingerprint"],
        topology_digest=digest,
        connection=host.uri,
        files=tuple(options.topology),
        max_impact=options.max_impact,
        plan=document,
    )
    text = json.dumps(content.model_dump(mode="json"), indent=2, ensure_ascii=False)
    write(path, f"{text}\n", "the plan")


def check_savable(options: argparse.Namespace) -> None:
    """Raise UsageError where a saved plan could not be recognised or checked later."""
    if not options.out.endswith(".json"):
        msg = f"a saved plan must be called *.json, not {options.out!r}: so `apply` knows it from a topology"
        raise UsageError(msg)
    if any(name.encode(errors="replace").decode() != name for name in options.topology):
        msg = "a plan for a file can't be saved whose name is not Unicode"
        raise UsageError(msg)
    if "-" in options.topology:
        msg = (
            "a plan for standard input can't be saved: `apply` reads the topology again, to see whether it has changed"
        )
        raise UsageError(msg)
