# SPDX-License-Identifier: Apache-2.0
"""The comparison with the peers: `./dev bench --quick` from its command line to its report."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.bench import __main__ as bench
from tests.bench.comparison import FILE_DAEMON, NO_FAILURES

STORMS = ("vfork storm", "build")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    directory = tmp_path_factory.mktemp("bench")
    report, chart = directory / "report.json", directory / "chart.svg"
    arguments = ["bench", "peers", "--quick", "--only", FILE_DAEMON, "--storm", STORMS[0]]
    arguments += ["--storm", STORMS[1], "--json", str(report), "--chart", str(chart)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", arguments)
        assert bench.main() == 0
    return json.loads(report.read_text()), chart


def _storms(report: dict[str, Any], tracer: str) -> dict[str, dict[str, Any]]:
    return {s["workload"]: s for s in report["samples"]["storms"] if s["tracer"] == tracer}


def test_each_storm_runs_under_each_tracer(run: tuple[dict[str, Any], Path]) -> None:
    report, _ = run
    assert not report["unusable"]
    for tracer in ("none", FILE_DAEMON):
        storms = _storms(report, tracer)
        assert tuple(storms) == STORMS
        assert all(storm["wall_us"] > 0 < storm["storm_cpu_us"] for storm in storms.values())


def test_every_exec_is_found_and_its_cost_with_it(run: tuple[dict[str, Any], Path]) -> None:
    for storm in _storms(run[0], FILE_DAEMON).values():
        assert storm["delivered"] == storm["expected"] > 0
        assert storm["cut"] == 0
        assert storm["bpf_us"] > 0 < storm["tracer_cpu_us"]
        assert storm["bytes_per_exec"] > 500
    assert all(not storm["delivered"] for storm in _storms(run[0], "none").values())


def test_start_memory_and_buffer_are_measured(run: tuple[dict[str, Any], Path]) -> None:
    samples = run[0]["samples"]
    of = next(s for s in samples["sessions"] if s["tracer"] == FILE_DAEMON)
    assert 0 < of["ready_ms"] < of["delivered_ms"]
    assert 0 < of["resident_kib"] <= of["peak_kib"]
    burst = next(s for s in samples["absorbed"] if s["tracer"] == FILE_DAEMON)
    # More execs than the ring holds: some arrive, and each that does not is told.
    assert 0 < burst["delivered"] < burst["expected"]
    assert burst["said_lost"] >= burst["expected"] - burst["delivered"]


def test_other_system_calls_are_timed_with_and_without(run: tuple[dict[str, Any], Path]) -> None:
    calls = {s["tracer"]: s for s in run[0]["samples"]["calls"]}
    assert set(calls) == {"none", FILE_DAEMON, NO_FAILURES}
    assert all(call["with_ns"] > 0 < call["without_ns"] for call in calls.values())


def test_chart_shows_the_storm(run: tuple[dict[str, Any], Path]) -> None:
    chart = run[1].read_text()
    assert f"{STORMS[0]}: " in chart
    assert f">{FILE_DAEMON}<" in chart
