# SPDX-License-Identifier: Apache-2.0
"""The screen as lines of text. Owns columns and words; writes nothing."""

import time
from typing import NamedTuple

from execaudit.records.quoting import make_printable, quote_cell, width
from execaudit.store.times import SECOND_NS
from execaudit.table.glyphs import sparkline
from execaudit.top.window import LENGTH_S, VIEWS, Window

_TITLES = {
    "program": "PROGRAM", "user": "USER", "unit": "UNIT", "parent": "STARTED BY", "new": "PROGRAM",
    "failed": "WHAT FAILED",
}  # fmt: skip
_NUMBERS = 28

HELP = (
    "q        quit",
    "1 to 6   by program, user, unit, parent; new programs; failures",
    "< >      the view before, the next one",
    "space    look again now",
    "p        pause, go on",
    "d        seconds between two looks",
    "h ?      this help",
    "",
    "New is what was not in the log for an hour before, nor since.",
)


class Screen(NamedTuple):
    """Lines of a screen: the head, the titles of the columns, the rows."""

    head: list[str]
    titles: str
    lines: list[str]


def make_screen(
    window: Window, view: str, now_ns: int, columns: int, *, ascii_only: bool = False
) -> Screen:
    """Return the screen for a view, `columns` wide."""
    execs, failed = window.totals()
    when = time.strftime("%H:%M:%S", time.localtime(now_ns // SECOND_NS))
    head = [
        f"execaudit top - {when}, last {LENGTH_S} s: {execs:,} execs,"
        f" {execs / LENGTH_S:.1f} a second, {failed:,} failed, {len(window.new):,} new programs",
        _spark(window.by_second(now_ns), ascii_only=ascii_only),
        " ".join(f"[{n} {name}]" if name == view else f" {n} {name} " for n, name in _numbered()),
    ]  # fmt: skip
    head = [fit(line, columns) for line in head]
    if view == "new":
        return Screen(head, *_new(window, columns, ascii_only=ascii_only))
    room = max(columns - _NUMBERS, 10)
    lines = []
    for value, count, bad in window.lines(view):
        name = fit(quote_cell(value, ascii_only=ascii_only), room)
        name += " " * (room - width(name))
        lines.append(f"{name}{count:>9,} {count / LENGTH_S:>8.1f} {bad:>9,}")
    titles = f"{_TITLES[view]:<{room}}{'EXECS':>9} {'A SECOND':>8} {'FAILED':>9}"
    return Screen(head, titles, lines)


def _numbered() -> list[tuple[int, str]]:
    return list(enumerate(VIEWS, 1))


def _new(window: Window, columns: int, *, ascii_only: bool) -> tuple[str, list[str]]:
    lines = []
    for each in reversed(window.new):
        when = time.strftime("%H:%M:%S", time.localtime(each.time_ns // SECOND_NS))
        user = quote_cell(each.user, ascii_only=ascii_only)
        program = quote_cell(each.program, ascii_only=ascii_only)
        lines.append(fit(f"{when} {user:<10} {program}  {make_printable(each.command)}", columns))
    return f"{'TIME':<8} {'USER':<10} PROGRAM  COMMAND", lines


def _spark(numbers: list[int], *, ascii_only: bool) -> str:
    line = sparkline(numbers, ascii_only=ascii_only)
    return f"|{line}|  at most {max(numbers, default=0):,} in a second"


def fit(text: str, columns: int) -> str:
    """Return the beginning of a text that fits into `columns` columns."""
    if width(text) <= columns:
        return text
    text = text[:columns]
    while width(text) > columns:
        text = text[:-1]
    return text
