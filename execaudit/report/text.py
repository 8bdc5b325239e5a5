# SPDX-License-Identifier: Apache-2.0
"""A report as text: bars and sparklines, fitted to a terminal. Owns its layout."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from execaudit.query.completeness_text import describe_broken, show_local
from execaudit.records.quoting import make_printable, quote_cell, width
from execaudit.store.times import read_time
from execaudit.table.glyphs import sparkline

_BOLD, _DIM, _RED, _RESET = "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[0m"
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_BAR_WIDTH = 24
_NAME_WIDTH = 44
_LEAST_ROOM = 16
_TITLES = (
    ("by_user", "Users", "value"), ("by_program", "Programs", "value"),
    ("by_unit", "Units", "value"),
    ("by_container", "Containers", "value"), ("by_terminal", "Terminals", "value"),
    ("by_host", "Hosts", "value"), ("by_parent", "Started by", "value"),
    ("failures", "Failures", "value"), ("failed_programs", "What failed", "errno,program"),
    ("privilege", "Privilege gained", "user,program"), ("labels", "Labels", "value"),
    ("severities", "Severities", "value"),
)  # fmt: skip
_FIRSTS = {"program": "Programs", "user": "Users", "unit": "Units"}


class TextOptions(NamedTuple):
    """How a report is shown.

    Attributes:
        color: with colors.
        width: the terminal's; None to cut nothing.
        ascii_only: the output does not take UTF-8.

    """

    color: bool = False
    width: int | None = None
    ascii_only: bool = False


def count_text(number: int) -> str:
    """Return a number with commas between thousands."""
    return f"{number:,}"


def period_text(seconds: float) -> str:
    """Return the length of a period in its two largest units."""
    units = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
    parts: list[str] = []
    left = round(seconds)
    for name, size in units:
        number, left = divmod(left, size)
        if number or (name == "s" and not parts):
            parts.append(f"{number} {name}")
    return " ".join(parts[:2])


def bar(number: int, most: int, *, ascii_only: bool = False) -> str:
    """Return a bar, which is empty only for 0."""
    eighths = -(-number * _BAR_WIDTH * 8 // most) if most else 0
    if ascii_only:
        return "#" * -(-eighths // 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


class ReportText:
    """Makes lines of a report's contents."""

    def __init__(self, contents: dict[str, Any], options: TextOptions) -> None:
        self._contents = contents
        self._options = options
        self._cell: Callable[[str], str] = lambda text: quote_cell(
            text, ascii_only=options.ascii_only
        )

    def lines(self) -> Iterator[str]:
        """Yield all lines, without their ends."""
        yield from self._head()
        for key, title, names in _TITLES:
            yield from self._bars(title, self._contents[key], names.split(","))
        yield from self._first_seen()
        yield from self._pairs()
        yield from self._busiest()
        yield from self._trouble()

    def _title(self, text: str) -> Iterator[str]:
        yield ""
        yield f"{_BOLD}{text}{_RESET}" if self._options.color else text

    def _head(self) -> Iterator[str]:
        contents = self._contents
        period = contents["period"]
        if "begin" not in period:
            yield "No execs in this period"
            return
        begin, end = _local(period["begin"]), _local(period["end"])
        yield f"{begin} to {end}, {period_text(period['seconds'])}"
        share = f" ({contents['failed'] / contents['execs']:.1%})" if contents["execs"] else ""
        rate = " ".join(rate_text(period["execs_per_second"]))
        said = [
            f"{count_text(contents['execs'])} execs, {rate}",
            f"{count_text(contents['failed'])} failed{share}",
        ]
        if contents["exits"]:
            said.append(f"{count_text(contents['exits'])} ends of programs")
        yield ", ".join(said)
        different = contents["different"]
        yield ", ".join(
            f"{count_text(different[name])} {name if different[name] == 1 else name + 's'}"
            for name in ("user", "program", "unit", "container", "terminal", "host")
            if different[name]
        )
        stretches = contents["timeline"]["stretches"]
        if stretches:
            yield ""
            numbers = [each["execs"] for each in stretches]
            step = period_text(contents["timeline"]["step_seconds"])
            most = count_text(max(numbers))
            ascii_only = self._options.ascii_only
            yield f"  {sparkline(numbers, ascii_only=ascii_only)}  at most {most} in {step}"
            if contents["failed"]:
                numbers = [each["failed"] for each in stretches]
                most = count_text(max(numbers))
                text = sparkline(numbers, ascii_only=ascii_only)
                yield f"  {self._paint(text, _RED)}  failed: at most {most}"

    def _bars(
        self, title: str, rows: Sequence[dict[str, Any]], names: Sequence[str]
    ) -> Iterator[str]:
        if not rows:
            return
        yield from self._title(title)
        most = max((row["execs"] for row in rows if "others" not in row), default=0)
        for row in rows:
            if "others" in row:
                name = self._paint(f"({count_text(row['others'])} others)", _DIM)
                name += " " * max(_NAME_WIDTH - len(f"({count_text(row['others'])} others)"), 0)
            else:
                name = _fitted(" ".join(self._cell(row[each]) for each in names), _NAME_WIDTH)
            text = "" if "others" in row else self._bar(row["execs"], most)
            failed = row.get("failed", 0)
            note = self._paint(f"{count_text(failed)} failed", _RED) if failed else ""
            yield f"  {name} {count_text(row['execs']):>11}  {text:<{_BAR_WIDTH}} {note}".rstrip()

    def _first_seen(self) -> Iterator[str]:
        if not any(self._contents["first_seen"].values()):
            return
        known = "" if self._contents["has_history"] else " (nothing is known of the time before)"
        for name, rows in self._contents["first_seen"].items():
            if not rows:
                continue
            yield from self._title(f"{_FIRSTS[name]} seen for the first time{known}")
            for row in rows:
                value = _fitted(self._cell(row["value"]), _NAME_WIDTH)
                who = f"{self._cell(row['user'])}@{self._cell(row['host'])}"
                line = f"  {_local(row['time'])}  {value}  {who}  "
                command = make_printable(row["command"])
                if self._options.width is not None:
                    command = command[: max(self._options.width - width(line), _LEAST_ROOM)]
                yield line + command

    def _pairs(self) -> Iterator[str]:
        rows = self._contents["rare_pairs"]
        if not rows:
            return
        yield from self._title("Rare: program started by")
        for row in rows:
            name = _fitted(self._cell(row["program"]), _NAME_WIDTH)
            yield f"  {name} {count_text(row['execs']):>11}  {self._cell(row['parent'])}"

    def _busiest(self) -> Iterator[str]:
        rows = self._contents["busiest"]
        if not rows:
            return
        yield from self._title("Busiest minutes")
        most = rows[0]["execs"]
        for row in rows:
            minute = f"{_local(row['minute'])[:16]:<{_NAME_WIDTH}}"
            yield f"  {minute} {count_text(row['execs']):>11}  {self._bar(row['execs'], most)}"

    def _trouble(self) -> Iterator[str]:
        completeness = self._contents["completeness"]
        lines = describe_broken(completeness["broken"], completeness["unreadable_files"])
        lines += [missing_text(each) for each in completeness["missing"]]
        lines += [
            note_text(kind[:-1], note)
            for kind in ("starts", "stops", "reloads", "repairs")
            for note in self._contents[kind]
        ]
        if not lines:
            return
        yield from self._title("The daemon itself: losses, gaps, repairs, reloads")
        for line in lines:
            yield "  " + make_printable(line)

    def _bar(self, number: int, most: int) -> str:
        return bar(number, most, ascii_only=self._options.ascii_only)

    def _paint(self, text: str, color: str) -> str:
        return f"{color}{text}{_RESET}" if self._options.color and text else text


def _fitted(text: str, columns: int) -> str:
    """Return text in exactly `columns` columns; if it is longer, its end."""
    if width(text) <= columns:
        return text + " " * (columns - width(text))
    while width(text) > columns - 1:
        text = text[1:]
    return "…" + text + " " * (columns - 1 - width(text))


def _local(text: str) -> str:
    return show_local(read_time(text.encode()))


def rate_text(per_second: float) -> tuple[str, str]:
    """Return a rate as number and unit of time, with its article."""
    for unit, seconds in (("a second", 1), ("a minute", 60)):
        if per_second * seconds >= 1:
            return f"{per_second * seconds:,.1f}", unit
    return f"{per_second * 3600:,.1f}", "an hour"


def missing_text(missing: dict[str, Any]) -> str:
    """Return a line about a stretch of time with something missing."""
    parts = [missing["kind"]]
    if "count" in missing:
        parts.append(f"{missing['count']} events")
    if missing.get("why"):
        parts.append(f"({missing['why']})")
    times = [_local(missing[name]) for name in ("first", "last") if name in missing]
    return " ".join([*parts, " to ".join(dict.fromkeys(times)), missing["host"]])


def note_text(kind: str, note: dict[str, Any]) -> str:
    """Return a line about a record of the daemon itself."""
    parts = [_local(note["time"]), kind]
    parts += [str(note[name]) for name in ("version", "result", "reason") if name in note]
    return " ".join([*parts, str(note.get("host", ""))])
