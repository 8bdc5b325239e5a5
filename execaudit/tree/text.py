# SPDX-License-Identifier: Apache-2.0
"""Trees as text: a line for each exec, with the branches before it, fitted to the terminal.

Owns columns, branches and colors. Only our own colors reach a terminal unescaped.
"""

import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from execaudit.errors import MALFORMED
from execaudit.records.quoting import make_printable, quote_cell, width
from execaudit.store.times import SECOND_NS, read_time
from execaudit.table.arguments import ArgumentsStyle, format_arguments
from execaudit.table.lines import describe_duration
from execaudit.tree.forest import DRAWN_LEVELS, Forest, Process, Step, walk

_RESET, _DIM, _RED, _YELLOW, _BOLD_YELLOW = (
    "\x1b[0m",
    "\x1b[2m",
    "\x1b[31m",
    "\x1b[33m",
    "\x1b[1;33m",
)
_LEAST_ROOM = 16


class Branches(NamedTuple):
    """The characters of branches."""

    child: str
    last: str
    beside: str
    none: str
    then: str
    failed: str


UNICODE = Branches("├─ ", "└─ ", "│  ", "   ", "→ ", "✗ ")
ASCII = Branches("|- ", "`- ", "|  ", "   ", "> ", "! ")


class TextOptions(NamedTuple):
    """How trees are shown.

    Attributes:
        color: with colors.
        width: the terminal's; None to cut nothing.
        ascii_only: the output does not take UTF-8.
        show_host: with the name of the host.

    """

    color: bool = False
    width: int | None = None
    ascii_only: bool = False
    show_host: bool = False


class TreeText:
    """Makes lines of a forest."""

    def __init__(self, forest: Forest, options: TextOptions) -> None:
        self._forest = forest
        self._options = options
        self._branches = ASCII if options.ascii_only else UNICODE
        self._style = ArgumentsStyle(ascii_only=options.ascii_only)

    def lines(self) -> Iterator[str]:
        """Yield all lines, without their ends."""
        if not self._forest.roots:
            return
        yield self._columns("TIME", "HOST", "PID", "USER", "TOOK", "EXIT") + "COMMAND"
        for step in walk(self._forest.roots):
            yield from self._process(step)

    def _columns(self, when: str, host: str, pid: str, user: str, took: str, ended: str) -> str:
        cells = [f"{when:<15} "]
        if self._options.show_host:
            cells.append(_padded(host, 12))
        cells.append(f"{pid:>7} ")
        cells.append(_padded(user, 9))
        if self._forest.has_exits:
            cells += [f"{took:>8} ", _padded(ended, 8)]
        return "".join(cells)

    def _process(self, step: Step) -> Iterator[str]:
        process, branches = step.process, self._branches
        before = self._before(step)
        below = _below(step, branches)
        took, ended = self._end(process)
        pid = str(process.pid)
        if not process.records:
            when = _local_or_none(process.start) if process.start else ""
            comm = quote_cell(process.comm or "no record", ascii_only=self._options.ascii_only)
            text = f"({comm})"
            yield self._columns(when, "", pid, "", took, ended) + before + self._paint(text, _DIM)
            return
        for index, place in enumerate(process.records):
            try:
                record = self._forest.record(place)
                yield self._exec(record, before, pid, took, ended, is_first=not index)
            except MALFORMED:
                yield self._columns("", "", pid, "", took, ended) + before + "(damaged record)"
            before, pid, took, ended = below, "", "", ""

    def _exec(
        self, record: Mapping[str, Any], before: str, pid: str, took: str, ended: str, *,
        is_first: bool,
    ) -> str:  # fmt: skip
        user = quote_cell(str(record.get("user", record.get("uid", "?"))))
        host = quote_cell(str(record.get("host", "")))
        failed = record.get("result") == "failure"
        mark = self._branches.failed if failed else "" if is_first else self._branches.then
        note = f" ({make_printable(str(record.get('errno', '?')))})" if failed else ""
        line = self._columns(_local(record["time"]), host, pid, user, took, ended) + before + mark
        room = None
        if self._options.width is not None:
            room = max(self._options.width - width(line) - width(note), _LEAST_ROOM)
        command = format_arguments(record, self._style, room)
        return line + self._paint(command + note, _color(record))

    def _before(self, step: Step) -> str:
        if not step.depth:
            return ""
        branches = self._branches
        stems = [branches.none if is_last else branches.beside for is_last in step.levels[:-1]]
        return (
            _hidden(step) + "".join(stems) + (branches.last if step.levels[-1] else branches.child)
        )

    def _end(self, process: Process) -> tuple[str, str]:
        """Return how long the process ran and how it ended; "" if that was not recorded."""
        if process.exit is None:
            return "", ""
        try:
            record = self._forest.record(process.exit)
            took = describe_duration(record["duration_ns"]) if "duration_ns" in record else ""
            ended = record["signal"] if "signal" in record else str(record.get("exit_code", "?"))
            return took, quote_cell(ended)
        except MALFORMED:
            return "", "?"

    def _paint(self, text: str, color: str) -> str:
        return f"{color}{text}{_RESET}" if color and self._options.color else text


def _below(step: Step, branches: Branches) -> str:
    """Return the branches before later execs of a process."""
    stems = [branches.none if is_last else branches.beside for is_last in step.levels]
    return _hidden(step) + "".join(stems) + (branches.beside if step.process.children else "")


def _hidden(step: Step) -> str:
    """Return a note of how many levels are not drawn."""
    hidden = step.depth - DRAWN_LEVELS
    return f"(+{hidden}) " if hidden > 0 else ""


def _color(record: Mapping[str, Any]) -> str:
    if record.get("result") == "failure":
        return _RED
    if record.get("privileged"):
        return _BOLD_YELLOW
    return _YELLOW if record.get("euid") == 0 and record.get("uid") != 0 else ""


def _local_or_none(text: str) -> str:
    """Return a time of an ancestor; "" where a damaged record has no such time."""
    try:
        return _local(text)
    except MALFORMED:
        return ""


def _local(text: str) -> str:
    second = read_time(text.encode()) // SECOND_NS
    return time.strftime("%b %d %H:%M:%S", time.localtime(second))


def _padded(text: str, columns: int) -> str:
    return text + " " * max(columns - width(text), 0) + " "
