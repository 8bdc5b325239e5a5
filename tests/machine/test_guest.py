# SPDX-License-Identifier: Apache-2.0
"""Two guests: the core suite under Debian 12's kernel, and the packaged service under Debian 11's.

6.1 has every hook, and headers for BCC. 5.10 is the oldest of the matrix and furthest from this
machine's kernel: locked memory is counted, maps are less permitted, registers are found otherwise.
`./dev kernels` runs all on all.
"""

import os

import pytest

from tests.machine import core_suite, service_suite

ENGINES = ("libbpf", "bcc")
# BCC takes half a minute there to compile: in CI it only has to say the same as libbpf.
OPTIONS = ("-k", "not [bcc")
TIMEOUT_S = 900.0

pytestmark = [
    pytest.mark.guest,
    pytest.mark.skipif(os.geteuid() != 0, reason="making a root file system takes root"),
    pytest.mark.skipif(os.uname().machine != "x86_64", reason="the guests are x86_64"),
]


# The first run also fetches a kernel and makes a root file system.
@pytest.mark.timeout(TIMEOUT_S + 300)
def test_core_suite_passes_on_bookworm_kernel_and_engines_agree() -> None:
    report = core_suite.run("bookworm", ENGINES, OPTIONS, timeout_s=TIMEOUT_S)
    ended_well = report.guest.status == 0 and not report.failures
    assert ended_well, f"{report.guest.output[-8000:]}\n{report.guest.console[-2000:]}"
    assert report.counts["libbpf"].passed > 100
    assert report.counts[core_suite.ANY].passed >= 2, "the engines were not compared"
    assert not report.skips


@pytest.mark.timeout(TIMEOUT_S + 300)
def test_packaged_service_works_in_its_sandbox_on_bullseye_kernel() -> None:
    report = service_suite.run("bullseye", timeout_s=TIMEOUT_S)
    shown = f"{report.guest.output[-12000:]}\n{report.guest.console[-2000:]}"
    assert service_suite.is_good(report), shown
