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

STORM_HEADING = ["", "slowdown", "(range)", "µs/exec", "storm CPU"]
COST_HEADING = ["kernel (BPF)", "tracer", "helper", "total", "(range of tracer)"]
DELIVERY_HEADING = ["lost", "argv cut", "of", "foreign", "others", "bytes/exec"]
SESSION_HEADING = ["", "version", "ready ms", "(range)", "first event ms", "resident MiB"]
STATE_HEADING = ["peak MiB", "idle wake-ups/s", "(forks/s)", "says lost", "absorbed", "of"]


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
    rows = [STORM_HEADING + COST_HEADING + DELIVERY_HEADING]
    for tracer in unique(s.tracer for s in results.storms if s.workload == workload):
        of = storm_figures(results, workload, tracer)
        if tracer == BASELINE:
            cells = [number(of["wall_us"], 1), *[""] * 8, str(of["expected"]), ""]
            rows.append([tracer, "1.00", "", *cells, number(of["others_cpus"], 2), ""])
            continue
        # What audit does in the kernel is not accounted for: then the sum is the least it can be.
        at_least = "" if of["bpf_us"] else "≥ "
        rows.append(
            [
                tracer,
                number(of["slowdown"], 2),
                spread(of["slowdown"], 2),
                number(of["wall_us"], 1),
                number(of["added_cpu_us"], 1, sign=True),
                number(of["bpf_us"], 2),
                number(of["tracer_cpu_us"], 1),
                number(of["helper_cpu_us"], 1),
                at_least + number(of["total_us"], 1),
                spread(of["tracer_cpu_us"], 1),
                str(of["lost"]),
                str(of["cut"]),
                str(of["expected"]),
                str(of["foreign"]),
                number(of["others_cpus"], 2),
                number(of["bytes_per_exec"], 0),
            ]
        )
    return align(rows, left=1)


def _session_table(results: Results) -> str:
    rows = [[*SESSION_HEADING, *STATE_HEADING]]
    for tracer in unique(s.tracer for s in results.sessions):
        of = session_figures(results, tracer)
        rows.append(
            [
                tracer,
                results.versions.get(tracer, ""),
                number(of["ready_ms"], 0),
                spread(of["ready_ms"], 0),
                number(of["delivered_ms"], 0),
                number(of["resident_mib"], 1),
                number(of["peak_mib"], 1),
                number(of["idle_wakeups"], 1),
                number(of["idle_forks"], 0),
                "-" if of["said_lost"] is None else str(of["said_lost"]),
                number(of["absorbed"], 0),
                number(of["absorbed_of"], 0),
            ]
        )
    return align(rows, left=2)


def _call_table(results: Results) -> str:
    rows = [["", "added ns", "(range)", "untraced ns"]]
    for tracer in unique(s.tracer for s in results.calls):
        of = call_figures(results, tracer)
        label = "(nothing)" if tracer == BASELINE else tracer
        added = number(of["added_ns"], 1, sign=True)
        rows.append([label, added, spread(of["added_ns"], 1), number(of["without_ns"], 1)])
    return align(rows, left=1)


def render_stages(figures: dict[str, dict[str, Spread | None]]) -> str:
    """Give the steps of the daemon by workload, in µs per event."""
    steps = unique(step for of in figures.values() for step in of)
    heading = ["CPU per event, µs"]
    for name in figures:
        heading += [name, "(range)"]
    rows = [heading]
    for step in steps:
        cells = [(number(of[step], 2), spread(of[step], 2)) for of in figures.values()]
        rows.append([step, *(cell for pair in cells for cell in pair)])
    return align(rows, left=1)


def render_growth(replays: dict[str, Spread | None], storms: Results) -> str:
    """Give what replayed events cost as rules and sinks are added, then the storms."""
    rows = [["replayed, µs of the daemon per event", "", "(range)"]]
    rows += [[name, number(of, 2), spread(of, 2)] for name, of in replays.items()]
    heading = ["live, µs per exec", "daemon", "(range)", "kernel (BPF)", "lost", "of", "bytes/exec"]
    live = [heading]
    for name in unique(s.workload for s in storms.storms):
        of = storm_figures(storms, name, storms.storms[0].tracer)
        live.append(
            [
                name,
                number(of["tracer_cpu_us"], 1),
                spread(of["tracer_cpu_us"], 1),
                number(of["bpf_us"], 2),
                str(of["lost"]),
                str(of["expected"]),
                number(of["bytes_per_exec"], 0),
            ]
        )
    return f"{align(rows, left=1)}\n\n{align(live, left=1)}"


def number(value: Spread | float | None, digits: int, *, sign: bool = False) -> str:
    """Give a number, or the median of several, with so many digits after the point."""
    if value is None:
        return "-"
    plain = value.median if isinstance(value, Spread) else value
    return f"{plain:+.{digits}f}" if sign else f"{plain:.{digits}f}"


def spread(value: Spread | None, digits: int) -> str:
    """Give the least and the greatest in brackets."""
    return f"({value.least:.{digits}f} … {value.greatest:.{digits}f})" if value else ""


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
