# SPDX-License-Identifier: Apache-2.0
"""Settings of every test run: hypothesis without a clock, as machines here are shared and slow."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "execaudit", deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)
settings.load_profile("execaudit")
