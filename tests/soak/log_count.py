# SPDX-License-Identifier: Apache-2.0
"""Follows the log of a daemon through rotation, compression and retention, and counts in it.

Owns how far each generation was read, how many execs there were until a moment, each counted once,
and what the daemon says it lost. Its caller polls more often than retention removes files; two
threads may.
"""

import gzip
import json
import re
import threading
from calendar import timegm
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import strptime
from typing import Any

from tests.soak.kernel_count import CHECKED

_ROTATED = re.compile(r"\.(?:torn-)?\d{8}T\d{6}Z(?:-\d+)?(?:\.gz)?")
_RECENT_NS = 600 * 10**9


class LogCount:
    """What a log has had so far. `locate` gives its path, which is another one after a reboot.

    Attributes:
        lost: events by the sink that lost them, "" for those that never arrived, and the reason.
        types: records by type.
        repeated: execs that were there twice.
        broken: lines that are no records.
        lines: how many were read.

    """

    def __init__(self, locate: Callable[[], Path]) -> None:
        self._locate = locate
        self._lock = threading.Lock()
        # By its first line: the name changes with rotation, the inode with compression.
        self._read: dict[bytes, int] = {}
        self._finished: set[str] = set()
        # The time of each exec that could come once more, by what says which it is.
        self._recent: dict[tuple[int, int, int], int] = {}
        self._second: tuple[str, int] = ("", 0)
        self._older = 0
        self._awaited = b""
        self.lost: Counter[tuple[str, str]] = Counter()
        self.types: Counter[str] = Counter()
        self.repeated = self.lines = 0
        self.broken: list[bytes] = []

    def poll(self) -> None:
        """Take what was written since."""
        with self._lock:
            live = self._locate()
            named = (p for p in live.parent.iterdir() if p.name.startswith(live.name))
            rotated = sorted(p for p in named if _ROTATED.fullmatch(p.name[len(live.name) :]))
            for file in [*rotated, live]:
                if file.name.removesuffix(".gz") in self._finished:
                    continue
                try:
                    self._take(file, is_whole=file is not live)
                except FileNotFoundError:  # rotated, compressed or removed meanwhile: next time
                    continue

    def _take(self, file: Path, *, is_whole: bool) -> None:
        with gzip.open(file) if file.name.endswith(".gz") else file.open("rb") as stream:
            first = stream.readline()
            if not first.endswith(b"\n"):
                return
            stream.seek(self._read.get(first, 0))
            data = stream.read()
        whole = data.rfind(b"\n") + 1
        self._read[first] = self._read.get(first, 0) + whole
        if is_whole:
            self._finished.add(file.name.removesuffix(".gz"))
            del self._read[first]
        for line in data[:whole].split(b"\n")[:-1]:
            self._add(line)

    def _add(self, line: bytes) -> None:
        self.lines += 1
        if self._awaited and self._awaited in line:
            self._awaited = b""
        try:
            record: dict[str, Any] = json.loads(line)
            self.types[record["type"]] += 1
            if record["type"] == "lost":
                if record.get("hook", "exec") == "exec":
                    self.lost[record.get("sink", ""), record["reason"]] += record["count"]
            elif record["type"] == "exec" and record["result"] == "success":
                self._add_exec(record)
        except (ValueError, KeyError, TypeError):
            self.broken.append(line)

    def _add_exec(self, record: dict[str, Any]) -> None:
        key = (record["cpu"], record["seq"], record["pid"])
        if key in self._recent:
            self.repeated += 1
        elif record.get("filename") != CHECKED:
            self._recent[key] = self._time_ns(record["time"])

    def _time_ns(self, text: str) -> int:
        second, _, fraction = text.rstrip("Z").partition(".")
        if second != self._second[0]:
            self._second = second, timegm(strptime(second, "%Y-%m-%dT%H:%M:%S")) * 10**9
        return self._second[1] + int(fraction)

    def count_until(self, time_ns: int) -> int:
        """Return how many execs there were until then, each once."""
        with self._lock:
            old = [key for key, of_ns in self._recent.items() if of_ns < time_ns - _RECENT_NS]
            self._older += len(old)
            for key in old:
                del self._recent[key]
            return self._older + sum(of_ns <= time_ns for of_ns in self._recent.values())

    def missing(self) -> int:
        """Return how many execs this log misses by what the daemon says."""
        return sum(count for (sink, _), count in self.lost.items() if sink in ("", "file"))

    def await_word(self, word: str) -> None:
        """Look for a word in what is read from now on."""
        with self._lock:
            self._awaited = word.encode()

    @property
    def has_come(self) -> bool:
        """True where the word that was looked for has come."""
        return not self._awaited
