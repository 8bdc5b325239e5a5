# SPDX-License-Identifier: Apache-2.0
"""The samples of a soak as SVG: one panel for each figure, one line for each daemon.

Owns its look.
"""

from collections.abc import Sequence

from tests.soak.samples import Sample

PANELS = {
    "resident_kib": "resident memory, KiB",
    "anonymous_kib": "anonymous memory, KiB",
    "descriptors": "open descriptors",
    "threads": "threads",
    "lag_ms": "from exec to log, ms",
    "missing": "execs that the kernel counted and the log does not have",
    "lost": "events reported as lost",
    "queue_bytes": "bytes waiting in queues",
    "ring_high_water_bytes": "most bytes that the ring held",
}
_WIDTH, _LEFT, _RIGHT = 880, 80, 20
_TOP, _PANEL, _GAP = 50, 90, 40
_STYLE = """
text { font: 12px sans-serif; fill: #1f2328 } .title { font-weight: bold }
.quiet { fill: #59636e } .card { fill: #ffffff; stroke: #d1d9e0 } .axis { stroke: #d1d9e0 }
polyline { fill: none; stroke-width: 1.5 } .main { stroke: #bc4c00 } .steady { stroke: #0969da }
"""


def draw(samples: Sequence[Sample]) -> str:
    """Give the chart as an SVG document."""
    height = _TOP + len(PANELS) * (_PANEL + _GAP)
    until = max(samples[-1].minute, 1e-9)
    body = [
        '<rect class="card" x="0.5" y="0.5" width="879" height="100%"/>',
        f'<text x="16" y="24" class="title">Soak of {until:.0f} minutes: the service,'
        " to which everything happens (orange), and a daemon that is never ended (blue)</text>",
    ]
    y = _TOP
    for name, title in PANELS.items():
        body += _panel(samples, name, title, y, until)
        y += _PANEL + _GAP
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img">\n<style>{_STYLE}</style>\n'
        + "\n".join(body)
        + "\n</svg>\n"
    )


def _panel(samples: Sequence[Sample], name: str, title: str, y: int, until: float) -> list[str]:
    lines = {of: [getattr(getattr(s, of), name) for s in samples] for of in ("main", "steady")}
    most = max(max(values) for values in lines.values()) or 1
    bottom = y + _PANEL
    out = [
        f'<text x="{_LEFT}" y="{y - 6}" class="quiet">{title}</text>',
        f'<text x="{_LEFT - 6}" y="{y + 10}" text-anchor="end">{most:g}</text>',
        f'<text x="{_LEFT - 6}" y="{bottom}" text-anchor="end">0</text>',
        f'<line class="axis" x1="{_LEFT}" y1="{bottom}" x2="{_WIDTH - _RIGHT}" y2="{bottom}"/>',
    ]
    for of, values in lines.items():
        points = " ".join(
            f"{_LEFT + (_WIDTH - _LEFT - _RIGHT) * sample.minute / until:.1f},"
            f"{bottom - _PANEL * value / most:.1f}"
            for sample, value in zip(samples, values, strict=True)
        )
        out.append(f'<polyline class="{of}" points="{points}"/>')
    return out
