# SPDX-License-Identifier: Apache-2.0
"""The table of records: one record in, one line of execsnoop's columns out.

Owns the columns, their alignment and the colors. It reads no terminal and writes nothing: the
caller passes the width of the terminal and the choice of colors, and prints the line. Text of a
traced program reaches a line only through records.quoting, and no color changes within it.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime

from execaudit.records.command import Record, restore_text
from execaudit.records.journal import other_message
from execaudit.records.quoting import make_printable, quote_cell, width
from execaudit.table.arguments import ArgumentsStyle, format_arguments

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
_RED = "\x1b[31m"
_BOLD_RED = "\x1b[1;31m"
_YELLOW = "\x1b[33m"
_BOLD_YELLOW = "\x1b[1;33m"

# With fewer columns left than this, cut arguments say nothing: the terminal wraps the line.
_MIN_ARGS_WIDTH = 16
# Fields that need no note: a missing one is marked in its column; or it is always cut at the same
# length, for lack of room in a record, which no traced program can influence.
_UNNOTED = frozenset({"comm", "pcomm", "pid", "ppid", "uid", "filename", "argv", "ancestors"})
_LOST_REASONS = {
    "ring": "the ring buffer was full",
    "recursion": "the kernel skipped the program",
    "undecodable": "not a record of this version",
}


@dataclass(frozen=True, slots=True)
class TableOptions:
    """What the table shows, with the names of execsnoop's options."""

    date: bool = False
    print_host: bool = False
    print_user: bool = False
    time: bool = False
    timestamp: bool = False
    print_uid: bool = False
    print_pcomm: bool = False
    print_cpu: bool = False
    color: bool = False
    start_ns: int | None = None  # TIME(s) counts from it, by the wall clock; None: first record
    arguments: ArgumentsStyle = field(default_factory=ArgumentsStyle)


@dataclass(frozen=True, slots=True)
class _Column:
    """A column of the table."""

    title: str
    width: int  # with the gap to the next
    is_right: bool = False


class Table:
    """Turns records into lines. `width` is the terminal's; with None nothing is cut."""

    def __init__(self, options: TableOptions, terminal_width: int | None = None) -> None:
        self.width = terminal_width
        self._options = options
        self._columns = _choose_columns(options)
        self._start_ns = options.start_ns
        # The latest second: as text, since 1970, as time of day, with the date.
        self._clock = ("", 0, "", "")

    def header(self) -> str:
        """Return the line of column titles."""
        return self._lay_out([(column.title, "") for column in self._columns])[0] + "ARGS"

    def line(self, record: Record) -> str:
        """Return one line, without its end, for a record of any type of docs/record.md.

        Raises one of errors.MALFORMED.
        """
        if record["type"] == "lost":
            return self._paint(self._describe_loss(record), _BOLD_RED)
        if record["type"] not in ("exec", "exit"):
            text = make_printable(other_message(dict(record)))
            return self._paint(f"*** {self._shown_time(record['time'])} {text} ***", _DIM)
        if record["type"] == "exit":
            cells = [(self._cell(column.title, record), "") for column in self._columns]
            return self._paint(self._lay_out(cells)[0] + _describe_exit(record), _DIM)
        cells = [
            (self._cell(column.title, record), _color(column.title, record))
            for column in self._columns
        ]
        line, used = self._lay_out(cells)
        note = _describe_missing(record)
        room = None
        if self.width is not None:
            room = max(self.width - used - len(note), _MIN_ARGS_WIDTH)
        return line + format_arguments(record, self._options.arguments, room) + note

    def _paint(self, text: str, color: str) -> str:
        return f"{color}{text}{_RESET}" if color and self._options.color else text

    def _lay_out(self, cells: list[tuple[str, str]]) -> tuple[str, int]:
        """Return text and width of padded cells. A cell that is too wide uses later padding."""
        parts = []
        position = end = 0
        for column, (text, color) in zip(self._columns, cells, strict=True):
            end += column.width
            spare = max(end - position - width(text) - 1, 0)
            left, right = (spare, 1) if column.is_right else (0, spare + 1)
            parts.append(" " * left + self._paint(text, color) + " " * right)
            position += left + width(text) + right
        return "".join(parts), position

    def _cell(self, title: str, record: Record) -> str:
        match title:
            case "TIME" | "DATE":
                _, time_of_day, date = self._wall_clock(record["time"])
                return time_of_day if title == "TIME" else date
            case "TIME(s)":
                now_ns = self._wall_clock(record["time"])[0]
                if self._start_ns is None:
                    self._start_ns = now_ns
                return f"{(now_ns - self._start_ns) / 1e9:.3f}"
            case "COMM" | "PCOMM":
                text = restore_text(record, title.lower())
                if text is None:
                    return _absent(title, record)
                return quote_cell(text, ascii_only=self._options.arguments.ascii_only)
            case "RET":
                return "-" if record["type"] == "exit" else str(-record.get("errno_code", 0))
            case _:
                name = title.lower()
                if title == "USER" and name not in record:
                    name = "uid"
                return quote_cell(str(record[name])) if name in record else _absent(title, record)

    def _wall_clock(self, stamp: str) -> tuple[int, str, str]:
        """Return an RFC 3339 UTC time in nanoseconds since 1970, local time of day, and date."""
        text, _, fraction = stamp.rstrip("Z").partition(".")
        if text != self._clock[0]:
            seconds = int(datetime.fromisoformat(text + "+00:00").timestamp())
            local = time.localtime(seconds)
            self._clock = (
                text, seconds, time.strftime("%H:%M:%S", local),
                f"{_MONTHS[local.tm_mon - 1]} {time.strftime('%d %H:%M:%S', local)}",
            )  # fmt: skip
        second_ns = self._clock[1] * 10**9
        return second_ns + int(fraction.ljust(9, "0")), self._clock[2], self._clock[3]

    def _shown_time(self, stamp: str) -> str:
        _, time_of_day, date = self._wall_clock(stamp)
        return date if self._options.date else time_of_day

    def _describe_loss(self, record: Record) -> str:
        reason = record["reason"]
        first, last = (
            self._shown_time(record.get(name, record["time"])) for name in ("first", "last")
        )
        hook = f", hook {quote_cell(record['hook'])}" if "hook" in record else ""
        return (
            f"*** {record['count']:d} events lost{hook}: "
            f"{_LOST_REASONS.get(reason) or quote_cell(reason)}, {first} to {last} ***"
        )


def _choose_columns(options: TableOptions) -> list[_Column]:
    columns = (
        (options.date, _Column("DATE", 16)),
        (options.print_host, _Column("HOST", 12)),
        (options.print_user, _Column("USER", 10)),
        (options.time, _Column("TIME", 9)),
        (options.timestamp, _Column("TIME(s)", 9)),
        (options.print_uid, _Column("UID", 7)),
        (True, _Column("COMM", 17)),
        (True, _Column("PID", 8)),
        (options.print_pcomm, _Column("PCOMM", 17)),
        (True, _Column("PPID", 8)),
        (options.print_cpu, _Column("CPU", 4)),
        (True, _Column("RET", 5, is_right=True)),
    )
    return [column for is_chosen, column in columns if is_chosen]


def _absent(title: str, record: Record) -> str:
    """Return the mark for a missing value: "?" if it was unreadable, else "-"."""
    return "?" if title.lower() in record.get("unreadable", ()) else "-"


def _color(title: str, record: Record) -> str:
    if title == "COMM":
        if record.get("privileged"):
            return _BOLD_YELLOW
        return _YELLOW if record.get("euid") == 0 else ""
    return _RED if title == "RET" and record.get("result") == "failure" else ""


def _describe_missing(record: Record) -> str:
    """Return the note about unreadable and cut fields that have no column."""
    unreadable = [name for name in record.get("unreadable", ()) if name not in _UNNOTED]
    cut = [name for name in record.get("truncated", {}) if name not in _UNNOTED]
    note = f" <unreadable: {', '.join(unreadable)}>" if unreadable else ""
    return make_printable(note + (f" <cut: {', '.join(cut)}>" if cut else ""))


def _describe_exit(record: Record) -> str:
    if "signal" in record:
        text = f"killed {quote_cell(record['signal'])}" + (
            " (core dumped)" if "core_dumped" in record else ""
        )
    else:
        text = f"exit {make_printable(str(record.get('exit_code', '?')))}"
    if "duration_ns" in record:
        text += f" after {describe_duration(record['duration_ns'])}"
    return text


def describe_duration(duration_ns: int) -> str:
    """Return a duration in a few characters."""
    if duration_ns < 10**6:
        return f"{duration_ns // 1000}us"
    if duration_ns < 10**9:
        return f"{duration_ns / 10**6:.1f}ms"
    seconds = duration_ns // 10**9
    if seconds < 60:
        return f"{duration_ns / 10**9:.2f}s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m{seconds:02}s" if hours else f"{minutes}m{seconds:02}s"
