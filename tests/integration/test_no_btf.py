# SPDX-License-Identifier: Apache-2.0
"""A kernel without BTF: the BCC engine takes the offsets from the headers of exactly this kernel.

BTF is hidden by a mount over its directory, in a mount namespace of the tracer's own.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from execaudit.engine import bcc_engine, offsets
from execaudit.engine.bcc_engine import running_headers
from execaudit.engine.locations import source_directory
from execaudit.kernel.btf import Btf

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

# Only guests with a distribution's kernel have the headers of the kernel that runs.
needs_headers = pytest.mark.skipif(
    running_headers() is None, reason="no headers of the running kernel"
)
_HIDE_BTF = "mount -t tmpfs none /sys/kernel/btf && exec timeout -s INT 200 "


def trace_without_btf(*options: str) -> subprocess.Popen[str]:
    command = f"{_HIDE_BTF} {sys.executable} -m execaudit trace --json {' '.join(options)}"
    return subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs_headers
def test_offsets_from_headers_equal_those_from_btf() -> None:
    source = source_directory()
    with Btf() as btf:
        from_btf = set(offsets.flags_from_btf(source, btf))
    from_headers = set(
        bcc_engine.in_child(
            lambda: offsets.flags_from_headers(source, bcc_engine.compile_constants)
        )
    )
    # Without BTF the helper is left alone on purpose, whether the kernel has it or not.
    without_helper = {flag for flag in from_btf if "HAVE_TASK_PT_REGS" not in flag}
    assert without_helper == from_headers - {"-DHAVE_TASK_PT_REGS=0"}


@needs_headers
def test_auto_takes_bcc_without_btf_and_records_are_whole() -> None:
    with trace_without_btf() as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "engine bcc (the kernel has no BTF)" in process.stderr.readline()
        subprocess.run(["/bin/true", "no-btf", ""], check=True, cwd="/tmp")
        fields = next(f for f in map(json.loads, process.stdout) if "no-btf" in f["argv"])
        process.terminate()
        process.communicate()
    assert fields["argv"] == ["/bin/true", "no-btf", ""]
    assert (fields["cwd"], fields["exe"]) == ("/tmp", str(Path("/bin/true").resolve()))
    assert fields["ppid"] == os.getpid()
    assert "unreadable" not in fields


@pytest.mark.skipif(running_headers() is not None, reason="the headers are there")
def test_auto_names_the_headers_that_are_missing() -> None:
    process = trace_without_btf()
    _, said = process.communicate(timeout=60)
    assert process.returncode == 6
    assert re.search(rf"headers of kernel {re.escape(os.uname().release)}", said)


def test_libbpf_engine_says_that_it_needs_btf() -> None:
    process = trace_without_btf("--engine", "libbpf")
    _, said = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "has no BTF" in said
    assert "--engine bcc" in said
