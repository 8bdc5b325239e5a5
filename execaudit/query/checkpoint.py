# SPDX-License-Identifier: Apache-2.0
"""How far searches with a checkpoint file have read.

Owns the file: JSON, written as a whole or not at all. `store` defines positions in a log.
"""

import json
from pathlib import Path
from typing import Any

from execaudit.errors import MALFORMED, InvalidArgument, failed_call
from execaudit.replace_file import replace_file
from execaudit.store.position import Position

_VERSION = 1


class Checkpoint:
    """Positions by source: of logs a Position, of journals a cursor.

    Raises InvalidArgument if the file is no checkpoint, ExecauditError if it cannot be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
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
            self._logs = {
                name: Position(str(file), int(offset))
                for name, (file, offset) in read["logs"].items()
            }
            self._cursors = {name: str(cursor) for name, cursor in read["journals"].items()}
        except MALFORMED as error:
            raise InvalidArgument(f"Failed to use '{path}': it is not a checkpoint") from error

    def position(self, path: str) -> Position:
        """Return how far a log has been read."""
        return self._logs.get(path, Position())

    def cursor(self, name: str) -> str:
        """Return the cursor up to which a journal has been read; "" if it was not read."""
        return self._cursors.get(name, "")

    def set_position(self, path: str, position: Position) -> None:
        """Note how far a log has been read."""
        self._logs[path] = position

    def set_cursor(self, name: str, cursor: str) -> None:
        """Note how far a journal has been read."""
        self._cursors[name] = cursor

    def write(self) -> None:
        """Write the file. Raises ExecauditError; the file does not change then."""
        content: dict[str, Any] = {
            "version": _VERSION,
            "logs": self._logs,
            "journals": self._cursors,
        }
        try:
            replace_file(self.path, json.dumps(content).encode() + b"\n")
        except OSError as error:
            raise failed_call(f"write '{self.path}'", error) from error
