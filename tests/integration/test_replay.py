# SPDX-License-Identifier: Apache-2.0
"""What `--record` saved, `--replay` prints again, byte for byte, without a kernel."""

import subprocess
from pathlib import Path

import pytest

from tests.integration.launching import launch
from tests.integration.requirements import CHECKOUT, DEADLINE_S, PYTHON
from tests.integration.surroundings import become_user
from tests.integration.tracing import ROOMY_RING, Tracer
from tests.integration.workload import run_workload


def replay(file: Path, *options: str, as_nobody: bool = False) -> bytes:
    return subprocess.run(
        [PYTHON, "-m", "execaudit", "trace", "--replay", file, "--json", *options],
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        check=True,
        timeout=DEADLINE_S,
        preexec_fn=(lambda: become_user(65534, 65534)) if as_nobody else None,
    ).stdout


@pytest.fixture
def recorded(engine: str, programs: Path, place: Path) -> tuple[Path, bytes]:
    """A recording of a workload, and the lines that were printed meanwhile."""
    file = place / "recording"
    options = ["--record", str(file), "--ring-bytes", "1M"]
    with Tracer(engine, programs / "tiny", *options) as tracer:
        tracer.keep_output = True
        tracer.settle()
        run_workload(tracer, programs, place)
        # More than the ring holds, so that lost records are part of it.
        tracer.pause()
        child = launch([str(programs / "storm"), "2000", "vfork", str(programs / "tiny")])
        child.wait()
        tracer.resume()
        tracer.wait_for(child)
        tracer.settle()
        tracer.stop()
        assert any(r["type"] == "lost" for r in tracer.records)
        return file, bytes(tracer.output)


def test_replay_prints_what_the_live_trace_printed(recorded: tuple[Path, bytes]) -> None:
    file, live = recorded
    assert live.count(b"\n") > 100
    assert replay(file, "-x", "--exits") == live


def test_replay_needs_no_privilege(recorded: tuple[Path, bytes]) -> None:
    file, live = recorded
    file.chmod(0o644)
    assert replay(file, "-x", "--exits", as_nobody=True) == live


def test_replay_without_failures_and_exits_prints_the_rest(
    recorded: tuple[Path, bytes],
) -> None:
    file, live = recorded
    printed = replay(file).splitlines()
    assert printed
    assert not [line for line in printed if b'"result":"failure"' in line]
    wanted = [
        line
        for line in live.splitlines()
        if b'"result":"success"' in line and b'"type":"exec"' in line
    ]
    assert [line for line in printed if b'"type":"exec"' in line] == wanted


def test_filter_that_keeps_everything_changes_nothing(
    engine: str, programs: Path, place: Path
) -> None:
    """Records that pass a filter are made in another way than those that need none."""
    file = place / "recording"
    options = ["--record", str(file), *ROOMY_RING]
    with Tracer(engine, programs / "tiny", *options, exits=False) as tracer:
        tracer.keep_output = True
        tracer.settle()
        run_workload(tracer, programs, place)
        tracer.settle()
        tracer.stop()
        live = bytes(tracer.output)
    assert replay(file, "-x", "--name", "") == live
