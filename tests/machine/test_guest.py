# SPDX-License-Identifier: Apache-2.0
"""The core suite in one guest: Debian 12's 6.1, where every hook exists and BCC has its headers."""

import os

import pytest

from tests.machine import core_suite

ENGINES = ("libbpf", "bcc")
TIMEOUT_S = 900.0

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a root file system takes root"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the guests are x86_64"),
]


# The first run also fetches a kernel and makes a root file system.
@pytest.mark.timeout(TIMEOUT_S + 300)
def test_core_suite_passes_with_both_engines_on_bookworm_kernel() -> None:
    report = core_suite.run("bookworm", ENGINES, timeout_s=TIMEOUT_S)
    ended_well = report.guest.status == 0 and not report.failures
    assert ended_well, f"{report.guest.output[-8000:]}\n{report.guest.console[-2000:]}"
    for engine in ENGINES:
        assert report.engines[engine].passed > 0, f"no test ran with {engine}"
