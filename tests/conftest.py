# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run.

What traces this machine or boots containers on it runs alone, one after the other; before that
everything else, in two processes (`./dev test`).

Hypothesis runs without a clock, as machines are shared and slow, and tries the same examples every
time, so that a change fails for what it changed. EXECAUDIT_FUZZ_EXAMPLES sets how many examples
each property is tried with, other ones in each run: a long run finds what the usual one cannot.
"""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from tests.parts import is_alone

settings.register_profile(
    "execaudit",
    max_examples=int(os.environ.get("EXECAUDIT_FUZZ_EXAMPLES", "60")),
    derandomize="EXECAUDIT_FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("execaudit")


def pytest_configure() -> None:
    """End as Ctrl-C does when told to, so that fixtures clear away what they made."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together, for `--dist loadgroup`, and which want the machine alone."""
    for item in items:
        group = item.nodeid.split("::", 1)[0]
        if item.get_closest_marker("guest"):
            group = item.nodeid  # each on a processor of its own
        elif is_alone(group):
            item.add_marker("alone")
        item.add_marker(pytest.mark.xdist_group(group))
