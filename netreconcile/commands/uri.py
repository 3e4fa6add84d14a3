"""Which libvirt host a command is about."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

DEFAULT_URI = "qemu:///system"


def uri_of(options: argparse.Namespace) -> str:
    """Return `--connect`, else `$LIBVIRT_DEFAULT_URI`, else libvirt's system daemon."""
    return str(options.connect or os.environ.get("LIBVIRT_DEFAULT_URI") or DEFAULT_URI)
