# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the benchmark's report, on numbers small enough to check by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.report import (
    BpfSample,
    CallSample,
    Results,
    SessionSample,
    Spread,
    StormSample,
    added_cpu_us,
    as_json,
    call_figures,
    session_figures,
    slowdowns,
    storm_figures,
)
from tests.bench.tables import align, render


def storm(round_: int, tracer: str, wall_us: float, **other: Any) -> StormSample:
    given: dict[str, Any] = {
        "workload": "w",
        "storm_cpu_us": wall_us / 2,
        "tracer_cpu_us": 0.0,
        "expected": 10,
        "delivered": 10,
        "cut": 0,
        "foreign": 0,
        "others_cpus": 0.0,
        "bytes_per_exec": 0.0,
    }
    return StormSample(round=round_, tracer=tracer, wall_us=wall_us, **{**given, **other})


def test_spread_of_odd_count_is_the_middle_with_both_ends() -> None:
    assert Spread.of([3.0, 1.0, 7.0]) == Spread(3.0, 1.0, 7.0)


def test_spread_of_even_count_is_the_mean_of_the_middle_two() -> None:
    assert Spread.of([4.0, 1.0, 2.0, 9.0]) == Spread(3.0, 1.0, 9.0)


def test_spread_of_nothing_is_nothing() -> None:
    assert Spread.of([]) is None


def test_slowdown_is_taken_against_the_untraced_storm_of_the_same_round() -> None:
    # The second round ran on a machine twice as slow: against its own baseline it is the same.
    storms = [storm(0, "none", 10), storm(0, "a", 15), storm(1, "none", 20), storm(1, "a", 30)]
    assert slowdowns(storms, "w", "a") == [1.5, 1.5]


def test_slowdown_ignores_rounds_without_baseline_and_other_storms() -> None:
    storms = [
        storm(0, "none", 10),
        storm(0, "none", 99, workload="other"),
        storm(0, "a", 20),
        storm(1, "a", 70),
    ]
    assert slowdowns(storms, "w", "a") == [2.0]


def test_added_cpu_is_negative_when_the_traced_storm_took_less() -> None:
    assert added_cpu_us([storm(0, "none", 10), storm(0, "a", 8)], "w", "a") == [-1.0]


def test_lost_and_cut_are_summed_over_rounds() -> None:
    results = Results({})
    results.storms = [storm(0, "a", 1, delivered=7, cut=1), storm(1, "a", 1, delivered=9, cut=2)]
    figures = storm_figures(results, "w", "a")
    assert (figures["expected"], figures["lost"], figures["cut"]) == (20, 4, 3)


def test_total_is_the_median_tracer_cpu_with_the_median_bpf_run_time() -> None:
    results = Results({})
    results.storms = [storm(r, "a", 1, tracer_cpu_us=us) for r, us in enumerate((4.0, 9.0, 5.0))]
    results.bpf = [BpfSample("w", "a", us) for us in (2.5, 9.0, 1.0)] + [BpfSample("w", "b", 99.0)]
    assert storm_figures(results, "w", "a")["total_us"] == 7.5


def test_total_is_unknown_without_bpf_run_time() -> None:
    results = Results({}, storms=[storm(0, "auditd", 1, tracer_cpu_us=4.0)])
    assert storm_figures(results, "w", "auditd")["total_us"] is None


def test_resident_memory_is_given_in_mib_and_unknown_loss_is_left_out() -> None:
    results = Results({})
    results.sessions = [SessionSample(0, "a", 1.0, 2.0, 2048, 4096, None)]
    figures = session_figures(results, "a")
    assert figures["resident_mib"] == Spread(2.0, 2.0, 2.0)
    assert figures["said_lost"] is None


def test_loss_that_tracers_report_is_summed_where_any_does() -> None:
    results = Results({})
    results.sessions = [SessionSample(r, "a", 1, 2, 3, 4, lost) for r, lost in enumerate((3, 4))]
    assert session_figures(results, "a")["said_lost"] == 7


def test_added_call_time_is_paired_within_a_sample() -> None:
    results = Results({}, calls=[CallSample(0, "a", 104.0, 100.0), CallSample(1, "a", 56.0, 50.0)])
    assert call_figures(results, "a")["added_ns"] == Spread(5.0, 4.0, 6.0)


def test_columns_line_up_with_text_left_and_numbers_right() -> None:
    assert align([["a", "1"], ["bcd", "22"]], left=1) == "a     1\nbcd  22"


def test_rows_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="shorter"):
        align([["a", "b"], ["c"]], left=1)


def test_report_shows_what_could_not_be_measured_with_its_reason() -> None:
    results = Results({"kernel": "6.1"}, unusable={"laurel": "is not installed"})
    results.storms = [storm(0, "none", 10)]
    text = render(results)
    assert "not measured\nlaurel  is not installed" in text
    assert text.startswith("kernel:  6.1")


def test_json_holds_figures_and_every_sample() -> None:
    results = Results({"kernel": "6.1"}, storms=[storm(0, "none", 10), storm(0, "a", 15)])
    plain = json.loads(json.dumps(as_json(results)))
    assert plain["figures"]["storms"]["w"]["a"]["slowdown"]["median"] == 1.5
    assert len(plain["samples"]["storms"]) == 2
