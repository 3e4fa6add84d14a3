"""The operator's policy file: what topologies may add to this host. Trusted only if nobody else can write it."""

from __future__ import annotations

import os
import posixpath
import shlex
import stat
from pathlib import Path as FilePath
from typing import Annotated, Final, Never

from pydantic import Field, StrictStr, ValidationError

from netreconcile import spelling
from netreconcile.allowance import ANYTHING, POLICY_FILE, Allowance
from netreconcile.binding import Canonical
from netreconcile.errors import InvalidTopology, Problem
from netreconcile.mistakes import kind_of, mistake
from netreconcile.model import Element, FormatVersion
from netreconcile.reader import MAX_BYTES, Document, read

_WILDCARDS: Final = "*?["
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH


def _option_pattern(text: str) -> str:
    """Return a pattern for dnsmasq's options that says which option it is about."""
    name = spelling.plain(text).partition("=")[0]
    if text != ANYTHING and any(sign in name for sign in _WILDCARDS):
        msg = (
            f"{text!r} leaves open which option it is, and dnsmasq has some that run programs or write files as root:"
            f" write the name in full, as in dhcp-option=*, or {ANYTHING!r} alone for all"
        )
        raise ValueError(msg)
    return text


def _root_pattern(text: str) -> str:
    """Return a pattern for folders, without the slashes that mean nothing."""
    if spelling.plain(text) == ANYTHING:
        return text
    if not text.startswith("/"):
        msg = f"{text!r} is not absolute: write the whole path, or {ANYTHING!r} alone for all"
        raise ValueError(msg)
    if ".." in text.split("/"):
        msg = f"{text!r} goes up with '..': write the folder that is meant"
        raise ValueError(msg)
    return posixpath.normpath(f"/{text.lstrip('/')}")


OptionPattern = Annotated[StrictStr, Field(min_length=1), Canonical(_option_pattern)]
RootPattern = Annotated[StrictStr, Field(min_length=1), Canonical(_root_pattern)]


class Allow(Element):
    """What topologies may add to the networks of a host, as it stands under `allow` in its operator's policy file."""

    dnsmasq_options: tuple[OptionPattern, ...] = Field(default=(), examples=[["dhcp-option=*", "log-queries"]])
    """Options, each as a topology writes it. Behind the `=` the wildcards of a shell may stand: `*`, which matches a
    `/` too, `?` and `[…]`. They match nothing that holds a `"`, a comment, or `..` in a path; `*` alone matches
    everything."""
    tftp_roots: tuple[RootPattern, ...] = Field(default=(), examples=[["/srv/tftp", "/srv/tftp/*"]])
    """Folders, with the same wildcards."""


class OperatorPolicy(Element):
    """What the operator of a host lets topologies do that would otherwise need an option of the command line."""

    version: FormatVersion
    """Version of this file format."""
    allow: Allow = Allow()
    """What may be added; what the host has already, unchanged, needs no permission."""


def allowance(file: str | None = None) -> Allowance:
    """Return what the file allows, by default that in /etc, which may be missing and then allows nothing.

    Raises: InvalidTopology with all that is wrong with the file, or with who can write it.
    """
    name = POLICY_FILE if file is None else file
    content = _trusted(name, optional=file is None)
    if content is None:
        return Allowance(file=name)
    document = read(content, name)
    allow = _policy(document).allow
    return Allowance(allow.dnsmasq_options, allow.tftp_roots, name)


def _trusted(name: str, *, optional: bool) -> bytes | None:
    """Return what is in the file, or None if it may be missing and is; a link counts as the file that it leads to."""
    try:
        # Without O_NONBLOCK a pipe in the file's place would hang the command.
        descriptor = os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            _check_owner(name, os.fstat(descriptor))
            with os.fdopen(descriptor, "rb", closefd=False) as stream:
                return stream.read(MAX_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError as error:
        if optional and not FilePath(name).is_symlink():
            return None
        raise _unreadable(name, error) from error
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error


def _check_owner(name: str, status: os.stat_result) -> None:
    quoted = shlex.quote(name)
    if not stat.S_ISREG(status.st_mode):
        _distrust(name, "it is not a regular file", "put a file in its place")
    if status.st_uid not in (0, os.geteuid()):
        reason = f"uid {status.st_uid} owns it, who is neither root nor the user that runs netreconcile"
        _distrust(name, reason, f"chown root {quoted}")
    if status.st_mode & _OTHERS_WRITE:
        mode = f"its mode is {stat.S_IMODE(status.st_mode):04o}, with which others than its owner can write it"
        _distrust(name, mode, f"chmod go-w {quoted}")


def _policy(document: Document) -> OperatorPolicy:
    value = {} if document.value is None else document.value
    if not isinstance(value, dict):
        message = f"the file holds a {kind_of(value)}, not a mapping with the keys version, allow"
        raise InvalidTopology((Problem("not-a-mapping", message, (), document.position(())),))
    try:
        return OperatorPolicy.model_validate(value)
    except ValidationError as error:
        found = [mistake(details, OperatorPolicy, ()) for details in error.errors()]
        raise InvalidTopology(tuple(_placed(problem, document) for problem in found)) from error


def _placed(problem: Problem, document: Document) -> Problem:
    place = document.key_position(problem.path) if problem.code == "unknown-key" else document.position(problem.path)
    return Problem(problem.code, problem.message, problem.path, place, problem.hint)


def _distrust(name: str, reason: str, hint: str) -> Never:
    message = f"the operator's policy {name} is not trusted: {reason}"
    raise InvalidTopology((Problem("policy-not-trusted", message, hint=hint),))


def _unreadable(name: str, error: OSError | ValueError) -> InvalidTopology:
    reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
    hint = "check the path and its permissions"
    return InvalidTopology((Problem("cannot-read", f"cannot read the operator's policy {name}: {reason}", hint=hint),))
