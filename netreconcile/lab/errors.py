"""What can go wrong with a lab."""

from __future__ import annotations

from netreconcile.errors import NetreconcileError


class LabUnavailable(NetreconcileError):
    """This machine can't run the lab, or the lab doesn't answer; the sentence says what to do about it."""

    exit_code = 69


class NoSuchLab(NetreconcileError):
    """No running lab has the name, or no name was given and it isn't clear which one is meant."""

    exit_code = 69


class NameTaken(NetreconcileError):
    """A running lab has the name already."""

    exit_code = 1


class LabWontStop(NetreconcileError):
    """A lab is still there although it was told to stop and then killed."""

    exit_code = 1
