# SPDX-License-Identifier: Apache-2.0
"""Records in the systemd journal: this host's, a namespace's, or a directory of many hosts'.

Owns queries of the journal's index, reading only the fields that are needed, and the difference
between the daemon's entries and those that anybody can write. `formats.entries` makes records.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any

from execaudit.errors import ExecauditError, NotConfigured
from execaudit.formats.entries import entry_fields, genuine_matches
from execaudit.records.journal import PREFIX
from execaudit.records.vocabulary import TYPES
from execaudit.store.times import EARLIEST_NS, LATEST_NS, Span

_LATE_NS = 300 * 10**9  # entries come later than their events: a stalled journald, a restart
_EARLY_NS = 10 * 10**9  # after a step of the clock, entries come earlier
_LOCAL_ONLY = 1  # SD_JOURNAL_LOCAL_ONLY, systemd/sd-journal.h


class Journal:
    """An open journal. Close it after use.

    Attributes:
        name: its name in messages.
        limit_ns: entries that the journal took later are left out.

    """

    def __init__(
        self, *, directory: str = "", namespace: str = "", untrusted: bool = False
    ) -> None:
        """Open the journal files in a directory, a namespace (systemd-journald(8)), or this host's.

        `untrusted`: entries that others wrote are read, too. Raises ExecauditError.
        """
        self.name = _name(directory, namespace)
        self.limit_ns = LATEST_NS
        self._untrusted = untrusted
        try:
            reader_module = import_module(
                "systemd._reader"
            )  # the one of systemd.journal converts all
        except ImportError as error:
            raise NotConfigured(
                f"Failed to read {self.name}: python3-systemd is not installed"
            ) from error
        try:
            if directory:
                self._reader = reader_module._Reader(path=directory, flags=0)  # noqa: SLF001
            elif namespace:
                self._reader = reader_module._Reader(namespace=namespace)  # noqa: SLF001
            else:
                self._reader = reader_module._Reader(_LOCAL_ONLY)  # noqa: SLF001
        except OSError as error:
            raise self._failure(error) from error
        self._reader.data_threshold = 0  # whole fields; else they end after 64 KiB

    def _failure(self, error: OSError) -> ExecauditError:
        return ExecauditError(f"Failed to read {self.name}: {error.strerror or error}")

    def close(self) -> None:
        """Close its files."""
        self._reader.close()

    def match(self, groups: Sequence[Sequence[tuple[str, Sequence[str]]]] = ()) -> None:
        """Select entries by exact fields, from now on.

        `groups` are alternatives. Each is a list of fields with their values: an entry must have
        one value of each field. Empty: every record.
        """
        reader = self._reader
        reader.flush_matches()
        if not self._untrusted:
            for index, genuine in enumerate(genuine_matches()):
                if index:
                    reader.add_disjunction()
                reader.add_match(genuine)
            reader.add_conjunction()
        for kind in TYPES:
            reader.add_match(f"{PREFIX}TYPE={kind}")
        if groups:
            reader.add_conjunction()
        for index, group in enumerate(groups):
            if index:
                reader.add_disjunction()
            for field, values in group:
                for value in values:
                    reader.add_match(f"{PREFIX}{field.upper()}={value}")

    def entries(self, span: Span, *, reverse: bool = False, after: str = "") -> Iterator[None]:
        """Step through the entries of a period, and a little more on both sides.

        `after`: begin behind the entry of this cursor. Raises ExecauditError.
        """
        reader = self._reader
        step = reader._previous if reverse else reader._next  # noqa: SLF001
        late_ns = min(min(span.end_ns, LATEST_NS - _LATE_NS) + _LATE_NS, self.limit_ns)
        early_ns = max(span.begin_ns, EARLIEST_NS + _EARLY_NS) - _EARLY_NS
        try:
            self._seek(early_ns, late_ns, reverse=reverse, after=after)
            while step():
                received_ns = self.received_ns()
                if received_ns < early_ns or received_ns > late_ns:
                    if (received_ns < early_ns) is reverse:
                        return
                    continue
                yield
        except OSError as error:
            raise self._failure(error) from error

    def _seek(self, early_ns: int, late_ns: int, *, reverse: bool, after: str) -> None:
        reader = self._reader
        if after:
            reader.seek_cursor(after)
            if reader._next() and not reader.test_cursor(after):  # noqa: SLF001 - it is gone
                reader._previous()  # noqa: SLF001
        elif reverse:
            if late_ns >= LATEST_NS:
                reader.seek_tail()
            else:
                reader.seek_realtime(late_ns // 1000)
        elif early_ns <= 0:
            reader.seek_head()
        else:
            reader.seek_realtime(early_ns // 1000)

    # -- the current entry ----------------------------------------------------------------------

    def received_ns(self) -> int:
        """Return when the journal took the entry, in nanoseconds since 1970."""
        return int(self._reader._get_realtime()) * 1000  # noqa: SLF001

    def cursor(self) -> str:
        """Return the cursor of the entry."""
        return str(self._reader._get_cursor())  # noqa: SLF001

    def field(self, name: str) -> bytes | None:
        """Return the bytes of one field of the record, the first of several; None without it."""
        try:
            return bytes(self._reader._get(PREFIX + name.upper()))  # noqa: SLF001
        except KeyError:
            return None

    def record(self) -> dict[str, Any]:
        """Return the whole record. Raises ValueError if the entry is none."""
        raw = self._reader._get_all()  # noqa: SLF001
        return entry_fields({name: _decode(value) for name, value in raw.items()})

    def wait(self, seconds: float) -> None:
        """Wait for further entries."""
        self._reader.wait(int(seconds * 1e6))

    def tail(self) -> tuple[str, int]:
        """Return cursor and time of the last entry; "" and 0 if there is none."""
        self.match()
        self._reader.seek_tail()
        if not self._reader._previous():  # noqa: SLF001
            return "", 0
        return self.cursor(), self.received_ns()

    def values(self, name: str) -> set[str]:
        """Return all values of a field of records."""
        found: Iterable[bytes] = self._reader.query_unique(PREFIX + name.upper())
        return {each.decode(errors="replace") for each in found}

    def begin_ns(self) -> int | None:
        """Return when the journal took the oldest record that matches; None if there is none."""
        self._reader.seek_head()
        return self.received_ns() if self._reader._next() else None  # noqa: SLF001


def _name(directory: str, namespace: str) -> str:
    if directory:
        return f"the journal in '{directory}'"
    return f"the journal '{namespace}'" if namespace else "the journal"


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


def has_journal_files(directory: str) -> bool:
    """Return True if a directory has files of a journal."""
    try:
        return any(name.endswith((".journal", ".journal~")) for name in os.listdir(directory))  # noqa: PTH208
    except OSError:
        return False
