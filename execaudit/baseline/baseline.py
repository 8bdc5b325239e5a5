# SPDX-License-Identifier: Apache-2.0
"""Says what about an exec is new to this host, and remembers it.

Owns when a place is looked at: when it is first seen, and then once an hour, so that nothing in use
is forgotten. The other modules own what is known and how it is stored.
"""

import time

from execaudit.baseline import keys
from execaudit.baseline.entries import HOUR_S
from execaudit.baseline.file import BaselineFile, open_baseline
from execaudit.baseline.programs import ProgramReader
from execaudit.errors import ExecauditError
from execaudit.records import first_seen
from execaudit.records.text import FieldDict
from execaudit.wire import record
from execaudit.wire.event import Event, Place

_MOST_KNOWN = 16384
_BITS = {
    keys.EXE: first_seen.EXE,
    keys.FILE: first_seen.FILE,
    keys.PAIR: first_seen.PAIR,
    keys.USER: first_seen.USER,
}


class Baseline:
    """What this host has run; kept in a file if possible.

    Attributes:
        period: an object for the current hour, in `looked_at` of each place seen in it.
        said: how many execs were reported as new in some respect.
        trouble: what is wrong with the file; "" for nothing. The daemon takes and logs it.
        programs: reads programs for their records; None if nothing does.
        reads_programs: True if it is to read them.

    """

    def __init__(
        self,
        path: str,
        learning_s: float,
        programs: ProgramReader | None = None,
        *,
        now_s: int | None = None,
    ) -> None:
        now_s = int(time.time()) if now_s is None else now_s
        self.path = path
        self.learning_s = learning_s
        self.period = object()
        self.said = 0
        self.trouble = ""
        self.programs = programs
        self.reads_programs = programs is not None
        self._known: set[int] = set()  # hashes of what was looked at in this period
        self._hour = now_s // HOUR_S
        self._now_s = now_s
        self._open(now_s)

    def _open(self, now_s: int) -> None:
        try:
            self._file = open_baseline(self.path, now_s)
        except ExecauditError as error:
            self._file = BaselineFile.empty(now_s)
            self.trouble = f"{error}, going on with an empty one in memory"
        self._hasher = keys.Hasher(self._file.secret)
        self._known.clear()
        self.period = object()

    def configure(self, learning_s: float, *, reads_programs: bool) -> None:
        """Go on under other settings."""
        self.learning_s = learning_s
        self.reads_programs = reads_programs

    @property
    def is_learning(self) -> bool:
        """True while it only learns, and reports nothing."""
        return self._now_s < self._file.begun_s + self.learning_s

    def status(self) -> dict[str, int | bool]:
        """Return the members for the daemon's status."""
        entries = self._file.entries
        return {
            "is_learning": self.is_learning,
            "is_saved": self._file.is_open,
            "first_seen_count": self.said,
            "forgotten_count": entries.forgotten,
            "table_bytes": len(entries.data),
        }

    def follow(self, now_s: int | None = None) -> None:
        """Note the time, and open a file that replaced ours. Call it every half minute."""
        self._now_s = int(time.time()) if now_s is None else now_s
        if self._now_s // HOUR_S != self._hour:
            self._hour = self._now_s // HOUR_S
            self._known.clear()
            self.period = object()
        if self._file.trouble:
            self.trouble = f"{self._file.trouble}, going on in memory"
            self._file.trouble = ""
        elif self._file.is_open and not self._file.is_at(self.path):
            self._file.close()
            self._open(self._now_s)

    def take_trouble(self) -> str:
        """Return what is wrong with the file, once; "" for nothing."""
        trouble, self.trouble = self.trouble, ""
        return trouble

    def look(self, event: Event) -> None:
        """Mark in a successful exec what about it is new, and remember that."""
        place = event.place
        place.looked_at = self.period
        sight = _sight_of(place)
        if sight in self._known:
            return
        if len(self._known) >= _MOST_KNOWN:
            self._known.clear()
        self._known.add(sight)
        traits = keys.traits_of(place)
        if traits is None:
            return
        new = self._see(event, traits)
        if new and not self.is_learning:
            event.first_seen = new
            event.is_plain = False
            self.said += 1

    def _see(self, event: Event, traits: keys.Traits) -> int:
        """Remember the keys of an exec; return the bits of unknown ones."""
        see = self._file.entries.see
        new = 0
        programs = self.programs if self.reads_programs else None
        is_known = programs is not None and self._knows_file(traits)
        for kind, key in self._hasher.keys(traits).items():
            if not see(key, self._hour):
                new |= _BITS[kind]
        if new & first_seen.FILE and programs is not None:
            programs.add(event, traits, is_first=not is_known)
        says_file = not new & first_seen.EXE or traits.exe != traits.program
        if not says_file or self._now_s < self._file.files_begun_s + self.learning_s:
            new &= ~first_seen.FILE
        return new

    def _knows_file(self, traits: keys.Traits) -> bool:
        """Return True if the program at the file's path has run before, itself or for a script."""
        of_exe = traits._replace(program=traits.exe)
        return self._file.entries.last_seen(self._hasher.keys(of_exe)[keys.EXE]) is not None

    def close(self) -> list[FieldDict]:
        """Close the file; return the records of programs that were waiting to be read."""
        self._file.close()
        return self.programs.close() if self.programs is not None else []


def _sight_of(place: Place) -> int:
    """Return a hash of all that the baseline looks at, which nobody can predict."""
    script = None
    if place.flags & record.FLAG_SCRIPT:
        script = place.filename, place.cwd, place.script
    name = place.ancestors[keys.PARENT_NAME]
    return hash((place.exe, place.uid, place.flags, name, script))
