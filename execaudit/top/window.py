# SPDX-License-Identifier: Apache-2.0
"""The last minute: execs by second, and by program, user and so on.

Owns what is forgotten, and when. It reads nothing and knows no terminal.
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from execaudit.records.command import command_words, restore_argv, restore_text
from execaudit.records.journal import command_line
from execaudit.store.times import SECOND_NS, read_time

LENGTH_S = 60
VIEWS = ("program", "user", "unit", "parent", "new", "failed")

_KNOWN_LIMIT = 50_000
_NEW_LIMIT = 1_000
_DIFFERENT_LIMIT = 5_000  # combinations in one second
_COMMAND_LENGTH = 300


class Seen(NamedTuple):
    """The values of an exec that are counted; "" for what its record lacks."""

    program: str
    user: str
    unit: str
    parent: str
    errno: str


class New(NamedTuple):
    """The first exec of a program."""

    time_ns: int
    program: str
    user: str
    command: str


class Line(NamedTuple):
    """A line of a view."""

    value: str
    execs: int
    failed: int


class Window:
    """The last minute.

    Attributes:
        new: programs first seen since `watch`, newest last.

    """

    def __init__(self) -> None:
        self._seconds: dict[int, Counter[Seen]] = {}
        self._known: OrderedDict[str, None] = OrderedDict()
        self._is_watching = False
        self.new: list[New] = []

    def watch(self) -> None:
        """Count programs as new if their first exec comes from now on."""
        self._is_watching = True

    def take(self, fields: Mapping[str, Any]) -> None:
        """Count the record of an exec. Raises one of errors.MALFORMED."""
        if fields["type"] != "exec":
            return
        time_ns = read_time(fields["time"].encode())
        errno = str(fields.get("errno", ""))
        exe = str(fields.get("exe", ""))
        program = str(fields.get("filename", "")) if errno else exe
        user = str(fields.get("user", fields.get("uid", "")))
        seen = Seen(program, user, str(fields.get("unit", "")), str(fields.get("pcomm", "")), errno)
        second = self._seconds.setdefault(time_ns // SECOND_NS, Counter())
        if len(second) >= _DIFFERENT_LIMIT and seen not in second:
            seen = Seen("(others)", user, "", "", errno)
        second[seen] += 1
        self._remember(time_ns, exe, user, fields)

    def _remember(self, time_ns: int, exe: str, user: str, fields: Mapping[str, Any]) -> None:
        if exe in self._known:
            self._known.move_to_end(exe)
            return
        self._known[exe] = None
        if len(self._known) > _KNOWN_LIMIT:
            self._known.popitem(last=False)
        if self._is_watching and "errno" not in fields:
            words, _ = command_words(
                restore_text(fields, "filename"), restore_argv(fields), is_script="script" in fields
            )
            self.new.append(New(time_ns, exe, user, command_line(words)[:_COMMAND_LENGTH]))
            del self.new[:-_NEW_LIMIT]

    def forget(self, now_ns: int) -> None:
        """Forget what is older than a minute."""
        first = now_ns // SECOND_NS - LENGTH_S + 1
        for second in [each for each in self._seconds if each < first]:
            del self._seconds[second]

    def by_second(self, now_ns: int) -> list[int]:
        """Return execs of each second, oldest first."""
        now_s = now_ns // SECOND_NS
        return [
            sum(self._seconds.get(second, {}).values())
            for second in range(now_s - LENGTH_S + 1, now_s + 1)
        ]

    def totals(self) -> tuple[int, int]:
        """Return the number of execs, and of failed ones."""
        lines = self.lines("user")
        return sum(line.execs for line in lines), sum(line.failed for line in lines)

    def lines(self, view: str) -> list[Line]:
        """Return the lines of a view, most frequent first; of the view `failed` only failures."""
        execs: Counter[str] = Counter()
        failed: Counter[str] = Counter()
        for second in self._seconds.values():
            for seen, count in second.items():
                if view == "failed":
                    value = f"{seen.errno} {seen.program}" if seen.errno else ""
                else:
                    value = str(getattr(seen, view))
                if value:
                    execs[value] += count
                    failed[value] += count if seen.errno else 0
        lines = [Line(value, count, failed[value]) for value, count in execs.items()]
        return sorted(lines, key=lambda line: (-line.execs, line.value))
