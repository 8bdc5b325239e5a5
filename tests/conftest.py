# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run.

What traces this machine, boots containers on it or is held to a time runs alone, one after the
other; before that everything else, in two processes (`./dev test`).

Hypothesis runs without a clock, as machines are shared and slow, and tries the same examples every
time, so that a change fails for what it changed. EXECAUDIT_FUZZ_EXAMPLES sets how many examples
each property is tried with, other ones in each run: a long run finds what the usual one can not.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "execaudit",
    max_examples=int(os.environ.get("EXECAUDIT_FUZZ_EXAMPLES", "60")),
    derandomize="EXECAUDIT_FUZZ_EXAMPLES" not in os.environ,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("execaudit")

# These see every exec or every program of BPF on the machine, or its load.
_LIVE = (
    *("tests/integration/", "tests/machine/", "tests/shippers/", "tests/bench/"),
    *("tests/unit/test_streams.py", "tests/unit/test_trials.py", "tests/unit/test_doctor.py"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests stay together, for `--dist loadgroup`, and which want the machine alone."""
    for item in items:
        group = item.nodeid.split("::", 1)[0]
        if item.get_closest_marker("guest"):
            group = item.nodeid  # each on a processor of its own
        elif group.startswith(_LIVE):
            item.add_marker("alone")
        item.add_marker(pytest.mark.xdist_group(group))
