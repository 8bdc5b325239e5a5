# SPDX-License-Identifier: Apache-2.0
"""Counts of a period: by user, program and so on, by minute, and first occurrences.

Owns their bounds: above a limit of different values, the least frequent are summed up as others.
Below it everything is exact. All can be sent to another process and merged there.
"""

from array import array
from collections.abc import Iterator
from typing import Any, NamedTuple

VALUES_LIMIT = 4_000
FIRSTS_LIMIT = 1_000
CHARACTERS_LIMIT = 500_000
"""Characters of all values that a table keeps when it gets too large."""

_SPAN = 16  # minutes: times far apart, as in a forged log, take about as much as its lines

Value = str | tuple[str, ...]


class Row(NamedTuple):
    """A value, how many execs it had, and how many of them failed."""

    value: Value
    execs: int
    failed: int


class Table:
    """Counts by values.

    Attributes:
        counts: execs and failures, by value.
        others: how many values were dropped, their execs and their failures.

    """

    def __init__(self, limit: int = VALUES_LIMIT) -> None:
        self._limit = limit
        self._characters = 0
        self.counts: dict[Any, list[int]] = {}
        self.others = [0, 0, 0]

    def add(self, value: Value, execs: int, failed: int) -> None:
        """Count execs of a value, failures included."""
        found = self.counts.get(value)
        if found is None:
            self._characters += _length(value)
            if len(self.counts) >= 2 * self._limit or self._characters > 2 * CHARACTERS_LIMIT:
                self._give_up_least()
                self._characters += _length(value)
            self.counts[value] = [execs, failed]
        else:
            found[0] += execs
            found[1] += failed

    def _give_up_least(self) -> None:
        rows = sorted(self.counts.items(), key=lambda item: item[1][0], reverse=True)
        self.counts = {}
        self._characters = 0
        for value, (execs, failed) in rows:
            characters = self._characters + _length(value)
            if len(self.counts) < self._limit and characters <= CHARACTERS_LIMIT:
                self.counts[value] = [execs, failed]
                self._characters = characters
                continue
            self.others[0] += 1
            self.others[1] += execs
            self.others[2] += failed

    def rows(self) -> list[Row]:
        """Return all rows, most frequent first."""
        rows = [Row(value, *counts) for value, counts in self.counts.items()]
        return sorted(rows, key=lambda row: (-row.execs, row.value))

    def plain(self) -> Any:
        """Return the counts in a form for another process."""
        return [self.counts, self.others]

    def merge(self, plain: Any) -> None:
        """Add the counts of another process."""
        counts, others = plain
        for value, (execs, failed) in counts.items():
            self.add(value, execs, failed)
        self.others = [mine + its for mine, its in zip(self.others, others, strict=True)]


def _length(value: Value) -> int:
    return len(value) if isinstance(value, str) else sum(map(len, value))


class Minutes:
    """Execs and failures by minute since 1970, in arrays of 16 minutes."""

    def __init__(self) -> None:
        self._spans: dict[int, array[int]] = {}  # execs of each minute, then failures

    def add(self, minute: int, execs: int, failed: int) -> None:
        """Count execs of a minute, failures among them."""
        span, index = divmod(minute, _SPAN)
        counts = self._spans.get(span)
        if counts is None:
            counts = self._spans[span] = array("q", bytes(2 * 8 * _SPAN))
        counts[index] += execs
        counts[_SPAN + index] += failed

    def items(self) -> Iterator[tuple[int, int, int]]:
        """Yield minutes with their counts, in order, without those that have none."""
        for span in sorted(self._spans):
            counts = self._spans[span]
            for index in range(_SPAN):
                if counts[index]:
                    yield span * _SPAN + index, counts[index], counts[_SPAN + index]


class Firsts:
    """For each value the first record with it: in the order of a log; of several logs the earliest.

    Attributes:
        found: examples of these records, by value.
        is_full: there was no room for more values.

    """

    def __init__(self, limit: int = FIRSTS_LIMIT) -> None:
        self._limit = limit
        self._logs: dict[str, int] = {}
        self.found: dict[str, dict[str, Any]] = {}
        self.is_full = False

    def has(self, value: str) -> bool:
        """Return True if a value needs no record any more."""
        if value in self.found:
            return True
        self.is_full = self.is_full or len(self.found) >= self._limit
        return self.is_full

    def add(self, value: str, example: dict[str, Any], log: int = 0) -> None:
        """Note a record of a log; records of one log must come in order."""
        known = self.found.get(value)
        if known is None and len(self.found) >= self._limit:
            self.is_full = True
        elif known is None or (self._logs[value] != log and example["time"] < known["time"]):
            self.found[value] = example
            self._logs[value] = log

    def merge(self, plain: dict[str, dict[str, Any]], log: int) -> None:
        """Add what another process found in a later part of a log."""
        for value, example in plain.items():
            self.add(value, example, log)
