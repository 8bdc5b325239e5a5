# SPDX-License-Identifier: Apache-2.0
"""The report as text: aligned columns, one table for each storm, then starts and system calls.

Owns the layout. Computes nothing itself; the figures come from `report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.report import (
    BASELINE,
    Results,
    Spread,
    call_figures,
    session_figures,
    storm_figures,
    unique,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

STORM_HEADING = ["", "slowdown", "(range)", "µs/exec", "storm CPU", "tracer CPU", "BPF", "CPU+BPF"]
DELIVERY_HEADING = ["lost", "argv cut", "of", "foreign", "others", "bytes/exec"]
SESSION_HEADING = ["", "version", "ready ms", "(range)", "first event ms", "resident MiB"]


def render(results: Results) -> str:
    """Give the report as text."""
    parts = [align([[f"{key}:", value] for key, value in results.facts.items()], left=2)]
    workloads = unique(s.workload for s in results.storms)
    parts += [f"{workload}\n{_storm_table(results, workload)}" for workload in workloads]
    if results.sessions:
        parts.append(f"tracers\n{_session_table(results)}")
    if results.calls:
        parts.append(f"added to a system call other than exec\n{_call_table(results)}")
    if results.unusable:
        parts.append(
            "not measured\n"
            + align([[name, reason] for name, reason in results.unusable.items()], left=2)
        )
    return "\n\n".join(parts)


def _storm_table(results: Results, workload: str) -> str:
    rows = [STORM_HEADING + DELIVERY_HEADING]
    for tracer in unique(s.tracer for s in results.storms if s.workload == workload):
        of = storm_figures(results, workload, tracer)
        traced = tracer != BASELINE
        rows.append(
            [
                tracer,
                _number(of["slowdown"], 2),
                _range(of["slowdown"], 2) if traced else "",
                _number(of["wall_us"], 1),
                _number(of["added_cpu_us"], 1, sign=True) if traced else "",
                _number(of["tracer_cpu_us"], 1) if traced else "",
                _number(of["bpf_us"], 2),
                _number(of["total_us"], 1),
                str(of["lost"]) if traced else "",
                str(of["cut"]) if traced else "",
                str(of["expected"]),
                str(of["foreign"]) if traced else "",
                _number(of["others_cpus"], 2),
                _number(of["bytes_per_exec"], 0) if traced else "",
            ]
        )
    return align(rows, left=1)


def _session_table(results: Results) -> str:
    rows = [[*SESSION_HEADING, "peak MiB", "says lost"]]
    for tracer in unique(s.tracer for s in results.sessions):
        of = session_figures(results, tracer)
        rows.append(
            [
                tracer,
                results.versions.get(tracer, ""),
                _number(of["ready_ms"], 0),
                _range(of["ready_ms"], 0),
                _number(of["delivered_ms"], 0),
                _number(of["resident_mib"], 1),
                _number(of["peak_mib"], 1),
                "-" if of["said_lost"] is None else str(of["said_lost"]),
            ]
        )
    return align(rows, left=2)


def _call_table(results: Results) -> str:
    rows = [["", "added ns", "(range)", "untraced ns"]]
    for tracer in unique(s.tracer for s in results.calls):
        of = call_figures(results, tracer)
        label = "(nothing)" if tracer == BASELINE else tracer
        added = _number(of["added_ns"], 1, sign=True)
        rows.append([label, added, _range(of["added_ns"], 1), _number(of["without_ns"], 1)])
    return align(rows, left=1)


def _number(value: Spread | float | None, digits: int, *, sign: bool = False) -> str:
    if value is None:
        return "-"
    number = value.median if isinstance(value, Spread) else value
    return f"{number:+.{digits}f}" if sign else f"{number:.{digits}f}"


def _range(spread: Spread | None, digits: int) -> str:
    return f"({spread.least:.{digits}f} … {spread.greatest:.{digits}f})" if spread else ""


def align(rows: Sequence[Sequence[str]], *, left: int) -> str:
    """Lay out rows in columns: the first `left` of them to the left, the others to the right."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
