# SPDX-License-Identifier: Apache-2.0
"""Walks over the lines of a log from seal to seal.

Owns the stretch between two seals: its hash, its counts, its location. It judges nothing.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from execaudit.evidence.blake2 import Hash, blake2b
from execaudit.evidence.seal import MARK, read_seal
from execaudit.store.broken import Broken
from execaudit.store.part import Part


class Range(NamedTuple):
    """Lines of a file: offsets in its text, and line numbers from 1; each first and behind last."""

    part: Part
    begin: int
    end: int
    first_line: int
    behind_line: int

    def __str__(self) -> str:
        last = self.behind_line - 1
        if last <= self.first_line:
            return f"{self.part.path}, line {self.first_line}"
        return f"{self.part.path}, lines {self.first_line} to {last}"


class Stretch:
    """The lines between two seals.

    Attributes:
        lines, bytes: how many.
        ranges: where they are.

    """

    def __init__(self) -> None:
        self.lines = 0
        self.bytes = 0
        self.ranges: list[Range] = []
        self._hash: Hash = blake2b()

    def add(self, data: bytes, where: Range) -> None:
        """Add whole lines."""
        self._hash.update(data)
        self.lines += where.behind_line - where.first_line
        self.bytes += len(data)
        if self.ranges and self.ranges[-1].part is where.part:
            before = self.ranges[-1]
            where = where._replace(begin=before.begin, first_line=before.first_line)
            self.ranges.pop()
        self.ranges.append(where)

    @property
    def hash(self) -> str:
        """The hash of all lines, in hexadecimal digits."""
        return self._hash.hexdigest()

    def hash_of_last(self, lines: int, broken: Broken) -> str:
        """Return the hash of the last `lines` lines alone; it reads them again."""
        skip = self.lines - lines
        result = blake2b()
        for where in self.ranges:
            for chunk in where.part.chunks(broken, where.begin, where.end):
                data = chunk.data
                if chunk.offset < where.begin:
                    data = data[where.begin - chunk.offset :]
                data = data[: max(where.end - max(chunk.offset, where.begin), 0)]
                while skip and data:
                    data = data[data.find(b"\n") + 1 :]
                    skip -= 1
                result.update(data)
        return result.hexdigest()

    def __str__(self) -> str:
        return "; ".join(map(str, self.ranges))


class Found(NamedTuple):
    """A seal: the lines before it, its record, its line, and where it is."""

    stretch: Stretch
    fields: dict[str, Any]
    line: bytes
    where: Range


def walk(
    parts: list[Part], broken: Broken, see: Callable[[bytes], None], progress: Callable[[int], None]
) -> Iterator[Found | Stretch]:
    """Yield each seal; at the end yield the stretch behind the last one.

    `see` takes all lines that are no seals, `progress` the number of bytes of text read.
    """
    stretch = Stretch()
    for part in parts:
        number = 1
        for chunk in part.chunks(broken):
            data, at = chunk.data, 0
            for begin, end, fields in _seals(data):
                count = data.count(b"\n", at, begin)
                if begin > at:
                    offset = chunk.offset
                    where = Range(part, offset + at, offset + begin, number, number + count)
                    stretch.add(data[at:begin], where)
                    see(data[at:begin])
                number += count
                where = Range(part, chunk.offset + begin, chunk.offset + end, number, number + 1)
                yield Found(stretch, fields, data[begin:end], where)
                stretch = Stretch()
                number += 1
                at = end
            if at < len(data):
                count = data.count(b"\n", at)
                end = chunk.offset + len(data)
                rest = data[at:] if at else data
                stretch.add(rest, Range(part, chunk.offset + at, end, number, number + count))
                see(rest)
                number += count
            progress(len(data))
    yield stretch


def _seals(data: bytes) -> Iterator[tuple[int, int, dict[str, Any]]]:
    """Yield begin, end and record of each seal in whole lines."""
    at = 0
    while (at := data.find(MARK, at)) >= 0:
        begin = data.rfind(b"\n", 0, at) + 1
        end = data.find(b"\n", at) + 1
        fields = read_seal(data[begin:end])
        if fields is not None:
            yield begin, end, fields
        at = end  # a line is a seal by its beginning: one look at each is enough
