# SPDX-License-Identifier: Apache-2.0
"""A chart of the comparison as SVG: CPU per exec of each tracer, in stacked bars.

Owns its look, for light and for dark pages. The figures come from `report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from tests.bench.report import BASELINE, Results, storm_figures, unique

if TYPE_CHECKING:
    from collections.abc import Sequence

PARTS = (
    ("bpf_us", "kernel", "kernel: BPF programs (audit's share is not known)"),
    ("tracer_cpu_us", "tracer", "the tracer's processes"),
    ("helper_cpu_us", "helper", "journald, or the kernel's audit thread"),
)
STORMS = ("vfork storm", "shell loop")
WIDTH, LABELS, VALUES = 880, 270, 140
ROW, BAR, GAP, TOP = 26, 16, 44, 66
_STYLE = """
text { font: 13px sans-serif; fill: #1f2328 } .title { font-weight: bold; font-size: 15px }
.quiet { fill: #59636e } .card { fill: #ffffff; stroke: #d1d9e0 }
.kernel { fill: #bc4c00 } .tracer { fill: #0969da } .helper { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #f0f6fc } .quiet { fill: #9198a1 } .card { fill: #0d1117; stroke: #3d444d }
.kernel { fill: #f0883e } .tracer { fill: #4493f8 } .helper { fill: #6e7681 } }
"""


def draw(results: Results) -> str:
    """Give the chart as an SVG document."""
    storms = [name for name in STORMS if any(s.workload == name for s in results.storms)]
    body: list[str] = []
    y = TOP
    for storm in storms:
        bars = _bars(results, storm)
        body.append(_text(16, y, f"{storm}: µs of CPU for each exec", "title"))
        y += 12
        most = max((sum(parts) for _, parts, _ in bars), default=0.0) or 1.0
        scale = (WIDTH - LABELS - VALUES) / most
        for name, parts, note in bars:
            body += _row(y, name, parts, note, scale)
            y += ROW
        y += GAP
    height = y - GAP + 20
    legend, x = [], 16
    for _, css, label in PARTS:
        legend.append(f'<rect class="{css}" x="{x}" y="18" width="12" height="12"/>')
        legend.append(_text(x + 18, 29, label, "quiet"))
        x += 36 + 7 * len(label)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        f' width="{WIDTH}" height="{height}" role="img">\n'
        "<title>CPU time per exec of execaudit and other exec tracers</title>\n"
        f"<style>{_STYLE}</style>\n"
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>\n'
        + "\n".join([*legend, *body])
        + "\n</svg>\n"
    )


def _bars(results: Results, storm: str) -> list[tuple[str, list[float], str]]:
    bars = []
    for tracer in unique(s.tracer for s in results.storms if s.workload == storm):
        if tracer == BASELINE:
            continue
        of = storm_figures(results, storm, tracer)
        parts = [of[key].median if of[key] else 0.0 for key, _, _ in PARTS]
        notes = [f"{'' if of['bpf_us'] else '≥ '}{sum(parts):.1f}"]
        if of["lost"]:
            notes.append(f"{of['lost']} lost")
        bars.append((tracer, [max(part, 0.0) for part in parts], ", ".join(notes)))
    return bars


def _row(y: int, name: str, parts: Sequence[float], note: str, scale: float) -> list[str]:
    out = [_text(LABELS - 8, y + 17, name, "", anchor="end")]
    x = float(LABELS)
    for (_, css, _), part in zip(PARTS, parts, strict=True):
        width = part * scale
        if width > 0:
            out.append(
                f'<rect class="{css}" x="{x:.1f}" y="{y + 4}" width="{width:.1f}" height="{BAR}"/>'
            )
        x += width
    return [*out, _text(int(x) + 8, y + 17, note, "quiet")]


def _text(x: int, y: int, text: str, css: str, *, anchor: str = "start") -> str:
    return f'<text x="{x}" y="{y}" class="{css}" text-anchor="{anchor}">{escape(text)}</text>'
