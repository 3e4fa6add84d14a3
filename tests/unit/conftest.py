"""Random tests have no deadline: a slow machine is no failure."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "netreconcile",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize="CI" in os.environ,  # a finding stops the one who makes a change, not whoever comes next
)
settings.load_profile("netreconcile")
