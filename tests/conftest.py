# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run.

Hypothesis runs without a clock, as machines are shared and slow. EXECAUDIT_FUZZ_EXAMPLES sets how
many examples each property is tried with: a long run finds what the usual one has no time for.
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "execaudit",
    max_examples=int(os.environ.get("EXECAUDIT_FUZZ_EXAMPLES", "60")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
)
settings.load_profile("execaudit")
