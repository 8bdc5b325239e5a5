# SPDX-License-Identifier: Apache-2.0
"""Records in the systemd journal: this host's, a namespace's, or a directory of many hosts'.

Owns asking the journal by its index, reading only the fields that are needed, and telling the
daemon's own entries from those that anybody could have written. `formats.entries` makes records.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from execaudit.errors import ExecauditError, NotConfigured
from execaudit.formats.entries import entry_fields, genuine_matches
from execaudit.records.journal import PREFIX
from execaudit.records.vocabulary import TYPES
from execaudit.store.times import EARLIEST_NS, LATEST_NS, Span

_LATE_NS = 300 * 10**9  # entries come later than their events: a stalled journald, a restart
_EARLY_NS = 10 * 10**9  # and, by a clock that is set, earlier
_LOCAL_ONLY = 1  # SD_JOURNAL_LOCAL_ONLY, systemd/sd-journal.h


class Place(NamedTuple):
    """Which journal.

    Attributes:
        directory: of journal files; "" for this host's own.
        namespace: its namespace (systemd-journald(8)); "" for the default one.

    """

    directory: str = ""
    namespace: str = ""

    @property
    def name(self) -> str:
        """What messages call it."""
        if self.directory:
            return f"the journal in '{self.directory}'"
        return f"the journal '{self.namespace}'" if self.namespace else "the journal"


class Journal:
    """An open journal. Close it after use.

    `untrusted` takes entries that others wrote, too.
    """

    def __init__(self, place: Place, *, untrusted: bool = False) -> None:
        self.place = place
        self.limit_ns = LATEST_NS  # what is taken in later is left out
        self._untrusted = untrusted
        try:
            reader_module = import_module(
                "systemd._reader"
            )  # the one of systemd.journal converts all
        except ImportError as error:
            raise NotConfigured(
                f"Failed to read {place.name}: python3-systemd is not installed"
            ) from error
        try:
            if place.directory:
                self._reader = reader_module._Reader(path=place.directory, flags=0)  # noqa: SLF001
            elif place.namespace:
                self._reader = reader_module._Reader(namespace=place.namespace)  # noqa: SLF001
            else:
                self._reader = reader_module._Reader(_LOCAL_ONLY)  # noqa: SLF001
        except OSError as error:
            raise self._failure(error) from error
        self._reader.data_threshold = 0  # whole fields; else they end after 64 KiB

    def _failure(self, error: OSError) -> ExecauditError:
        return ExecauditError(f"Failed to read {self.place.name}: {error.strerror or error}")

    def close(self) -> None:
        """Close its files."""
        self._reader.close()

    def match(self, groups: Sequence[Sequence[tuple[str, Sequence[str]]]] = ()) -> None:
        """Choose entries by exact fields, from now on.

        `groups` are alternatives; each is a list of a record's field and values: it
        must have one. Empty: every record.
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
        """Move through the entries of a period, and a little more on both sides.

        `after`: the cursor of an entry behind which to begin.
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

    # -- the entry that it stands at ------------------------------------------------------------

    def received_ns(self) -> int:
        """Return when the journal took the entry."""
        return int(self._reader._get_realtime()) * 1000  # noqa: SLF001

    def cursor(self) -> str:
        """Return where the entry is."""
        return str(self._reader._get_cursor())  # noqa: SLF001

    def field(self, name: str) -> bytes | None:
        """Return the bytes of one field of the record; None without it. Of several, the first."""
        try:
            return bytes(self._reader._get(PREFIX + name.upper()))  # noqa: SLF001
        except KeyError:
            return None

    def record(self) -> dict[str, Any]:
        """Return the whole record. Raises ValueError where the entry is none."""
        raw = self._reader._get_all()  # noqa: SLF001
        return entry_fields({name: _decode(value) for name, value in raw.items()})

    def wait(self, seconds: float) -> None:
        """Wait for further entries."""
        self._reader.wait(int(seconds * 1e6))

    def tail(self) -> tuple[str, int]:
        """Return cursor and time of the last entry of all; "" and 0 where there is none."""
        self.match()
        self._reader.seek_tail()
        if not self._reader._previous():  # noqa: SLF001
            return "", 0
        return self.cursor(), self.received_ns()

    def values(self, name: str) -> set[str]:
        """Return all values that a field of records has."""
        found: Iterable[bytes] = self._reader.query_unique(PREFIX + name.upper())
        return {each.decode(errors="replace") for each in found}

    def begin_ns(self) -> int | None:
        """Return when the first record that matches was taken in: where retention begins."""
        self._reader.seek_head()
        return self.received_ns() if self._reader._next() else None  # noqa: SLF001


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(each) for each in value]
    return value.decode() if isinstance(value, bytes) else value


def has_journal_files(directory: str) -> bool:
    """Return True where a directory holds files of a journal."""
    try:
        return any(name.endswith((".journal", ".journal~")) for name in os.listdir(directory))  # noqa: PTH208
    except OSError:
        return False
