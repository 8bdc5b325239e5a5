# SPDX-License-Identifier: Apache-2.0
"""How far searches with a checkpoint file have read.

Owns the file: JSON, written as a whole or not at all. `store` defines positions in a log.
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from execaudit.errors import MALFORMED, InvalidArgument, failed_call
from execaudit.replace_file import replace_file
from execaudit.store.log import Log
from execaudit.store.part import Part
from execaudit.store.position import Found, Position, fingerprint, read_on
from execaudit.store.times import LATEST_NS

_VERSION = 1
_AFTER_ALL = 1 << 63  # the end of a file is noted as -1


class Checkpoint:
    """Positions by source: of logs a Position by path, of journals a cursor.

    Raises InvalidArgument if the file is no checkpoint, ExecauditError if it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._before: dict[str, Position] = {}
        self._logs: dict[str, Position] = {}
        self._cursors: dict[str, str] = {}
        try:
            data = Path(path).read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise failed_call(f"open '{path}'", error) from error
        try:
            read = json.loads(data)
            if read["version"] != _VERSION:
                raise ValueError
            self._before = {
                name: Position(str(file), int(offset))
                for name, (file, offset) in read["logs"].items()
            }
            self._cursors = {name: str(cursor) for name, cursor in read["journals"].items()}
        except MALFORMED as error:
            raise InvalidArgument(f"Failed to use '{path}': it is not a checkpoint") from error

    def read_on(self, log: Log, logs: Iterable[Log]) -> Found:
        """Return what a log has that was not read, and note its end.

        Others may have renamed files since. `logs` are all that are open, where they are then.
        """
        position = self._before.get(log.path, Position())
        found = read_on(log, position)
        if found.is_gone or not position.file:
            name = fingerprint(log.parts[-1])
            known = [each for each in self._before.values() if name and each.file == name]
            if known:
                found = read_on(log, max(known, key=lambda each: each.offset % _AFTER_ALL))
            elif found.is_gone:
                lasts = (each.parts[-1] for each in logs)
                moved = next((each for each in lasts if fingerprint(each) == position.file), None)
                found = found if moved is None else _behind(moved, found)
        self._logs[log.path] = found.end
        return found

    def cursor(self, name: str) -> str:
        """Return the cursor up to which a journal has been read; "" if it was not read."""
        return self._cursors.get(name, "")

    def set_cursor(self, name: str, cursor: str) -> None:
        """Note how far a journal has been read."""
        self._cursors[name] = cursor

    def write(self) -> None:
        """Write the file. Raises ExecauditError; the file does not change then."""
        content: dict[str, Any] = {
            "version": _VERSION,
            "logs": self._before | self._logs,
            "journals": self._cursors,
        }
        try:
            replace_file(self.path, json.dumps(content).encode() + b"\n")
        except OSError as error:
            raise failed_call(f"write '{self.path}'", error) from error


def _behind(part: Part, found: Found) -> Found:
    """Return of what was found the files that begin later than another one."""
    begin_ns = part.head.time_ns or 0
    pieces = [each for each in found.pieces if (each.part.head.time_ns or LATEST_NS) > begin_ns]
    return Found(pieces, found.end, is_gone=False)
