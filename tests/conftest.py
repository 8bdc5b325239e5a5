# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run.

Hypothesis runs without a clock, as machines are shared and slow, and tries the same examples every
time, so that a change fails for what it changed. EXECAUDIT_FUZZ_EXAMPLES sets how many examples
each property is tried with, other ones in each run: a long run finds what the usual one can not.
"""

import os

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
