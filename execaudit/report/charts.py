# SPDX-License-Identifier: Apache-2.0
"""Charts of a report as SVG: a timeline, and bars in the cells of a table.

Owns scales and axes. The style sheet has the colors; every shape has a title with its numbers.
"""

import time
from collections.abc import Sequence
from typing import Any

from execaudit.report.markup import Markup, element, join
from execaudit.store.times import SECOND_NS, read_time

_WIDTH, _HEIGHT = 960, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 8, 10, 34
_STEPS = 4
_LABELS = 6
_BAR_WIDTH, _BAR_HEIGHT = 160, 12
_DAY_S = 86400


def timeline(stretches: Sequence[dict[str, Any]], step_s: int) -> Markup:
    """Return a chart of execs by time, as bars with the failed ones at their foot."""
    most = _round_up(max(each["execs"] for each in stretches))
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM
    slot = plot_width / len(stretches)
    parts: list[Markup] = []
    for number in range(_STEPS + 1):
        y = _TOP + plot_height * (1 - number / _STEPS)
        value = most * number / _STEPS
        parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
        parts.append(_text(_LEFT - 6, y + 4, f"{value:,.10g}", "end"))
    for index, each in enumerate(stretches):
        x = _LEFT + index * slot
        when = _local(each["time"], "%Y-%m-%d %H:%M")
        said = f"{when}: {each['execs']:,} execs, {each['failed']:,} failed"
        shapes = [
            _rect(
                x, plot_height, each["execs"] - each["failed"], each["failed"], most, slot, "execs"
            ),
            _rect(x, plot_height, each["failed"], 0, most, slot, "failed"),
        ]
        # The pointer need not hit a small bar.
        whole = element("rect", x=_n(x), y=_TOP, width=_n(slot), height=plot_height, class_="whole")
        parts.append(element("g", element("title", said), whole, *shapes, class_="stretch"))
    label_format = "%H:%M" if step_s * len(stretches) <= _DAY_S else "%b %d %H:%M"
    last = len(stretches) - 1
    for index in sorted({round(number * last / (_LABELS - 1)) for number in range(_LABELS)}):
        x = _LEFT + (index + 0.5) * slot
        text = _local(stretches[index]["time"], label_format)
        parts.append(_text(x, _HEIGHT - 12, text, "end" if last and index == last else "middle"))
    return element(
        "svg", element("title", "Execs over time"), *parts,
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", class_="timeline",
    )  # fmt: skip


def bar(execs: int, failed: int, most: int) -> Markup:
    """Return a bar for a cell of a table, its failed part at the end."""
    full = _BAR_WIDTH * execs / most if most else 0.0
    bad = full * failed / execs if execs else 0.0
    shapes = [
        element("rect", x=0, y=0, width=_n(full - bad), height=_BAR_HEIGHT, class_="execs"),
        element("rect", x=_n(full - bad), y=0, width=_n(bad), height=_BAR_HEIGHT, class_="failed"),
    ]
    return element(
        "svg", join(*shapes), viewBox=f"0 0 {_BAR_WIDTH} {_BAR_HEIGHT}", class_="bar",
        aria_hidden="true", preserveAspectRatio="none",
    )  # fmt: skip


def _rect(
    x: float, plot_height: int, count: int, below: int, most: float, slot: float, kind: str
) -> Markup:
    height = plot_height * count / most
    foot = plot_height * below / most
    return element(
        "rect", x=_n(x + slot * 0.08), y=_n(_TOP + plot_height - foot - height),
        width=_n(slot * 0.84), height=_n(height), class_=kind,
    )  # fmt: skip


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    return element("line", x1=_n(x1), y1=_n(y1), x2=_n(x2), y2=_n(y2), class_=kind)


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return element("text", text, x=_n(x), y=_n(y), text_anchor=anchor)


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")


def _round_up(number: int) -> int:
    """Return the next number with round quarters, from 4 up."""
    size = 1
    while True:
        for factor in (4, 8, 12, 20, 32):
            if factor * size >= number:
                return factor * size
        size *= 10


def _local(text: str, form: str) -> str:
    return time.strftime(form, time.localtime(read_time(text.encode()) // SECOND_NS))
