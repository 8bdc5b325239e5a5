# SPDX-License-Identifier: Apache-2.0
"""The arithmetic of the benchmark's report, on numbers small enough to check by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.report import (
    AbsorbedSample,
    CallSample,
    Idle,
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
        "helper_cpu_us": 0.0,
        "bpf_us": None,
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


def session(round_: int, said_lost: int | None, idle: Idle | None = None) -> SessionSample:
    return SessionSample(round_, "a", 1.0, 2.0, 2048, 4096, said_lost, idle)


def test_total_is_the_sum_of_medians_of_tracer_helper_and_bpf() -> None:
    results = Results({})
    values = ((4.0, 1.0, 2.5), (9.0, 1.5, 9.0), (5.0, 2.0, 1.0))
    results.storms = [
        storm(r, "a", 1, tracer_cpu_us=own, helper_cpu_us=helper, bpf_us=bpf)
        for r, (own, helper, bpf) in enumerate(values)
    ] + [storm(0, "b", 1, tracer_cpu_us=99.0)]
    assert storm_figures(results, "w", "a")["total_us"] == 5.0 + 1.5 + 2.5


def test_total_without_kernel_time_is_marked_as_the_least_it_can_be() -> None:
    results = Results({}, storms=[storm(0, "none", 1), storm(0, "auditd", 1, tracer_cpu_us=4.0)])
    assert storm_figures(results, "w", "auditd")["bpf_us"] is None
    assert "≥ 4.0" in render(results)


def test_more_records_than_execs_are_no_negative_loss() -> None:
    results = Results({}, storms=[storm(0, "a", 1, delivered=12), storm(1, "a", 1, delivered=9)])
    assert storm_figures(results, "w", "a")["lost"] == 1


def test_resident_memory_is_given_in_mib_and_unknown_loss_is_left_out() -> None:
    figures = session_figures(Results({}, sessions=[session(0, None)]), "a")
    assert figures["resident_mib"] == Spread(2.0, 2.0, 2.0)
    assert figures["said_lost"] is None
    assert figures["idle_wakeups"] is None


def test_idle_wakeups_are_those_of_the_rounds_in_which_they_were_counted() -> None:
    sessions = [session(0, 0, Idle(2.0, 5.0)), session(1, 0), session(2, 0, Idle(4.0, 1.0))]
    figures = session_figures(Results({}, sessions=sessions), "a")
    assert figures["idle_wakeups"] == Spread(3.0, 2.0, 4.0)
    assert figures["idle_forks"] == Spread(3.0, 1.0, 5.0)


def test_loss_that_tracers_report_is_summed_where_any_does() -> None:
    results = Results({}, sessions=[session(0, 3), session(1, 4), session(2, None)])
    assert session_figures(results, "a")["said_lost"] == 7


def test_absorbed_burst_is_what_arrived_of_it() -> None:
    results = Results({}, absorbed=[AbsorbedSample("a", 100, 60, 40)])
    figures = session_figures(results, "a")
    assert figures["absorbed"] == Spread(60, 60, 60)
    assert figures["absorbed_lost"] == figures["absorbed_said"] == Spread(40, 40, 40)


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
