# SPDX-License-Identifier: Apache-2.0
"""What could not be read: broken lines, damaged files, files that are gone.

Owns counting them, and the first messages. None of it is fatal.
"""

from execaudit.records.quoting import make_printable

NAMED = 20


class Broken:
    """Places that could not be read.

    Attributes:
        lines: how many lines are not records.
        files: how many files could not be read to their end.
        named: messages about the first 20 of both.

    """

    def __init__(self) -> None:
        self.lines = 0
        self.files = 0
        self.named: list[str] = []

    def add_line(self, path: str, offset: int, problem: str) -> None:
        """Note a line that is no record; `offset` is its byte offset in the file's text."""
        self.lines += 1
        self._name(f"{path}, byte {offset}: {problem}")

    def add_file(self, path: str, problem: str) -> None:
        """Note a file that could not be read to its end."""
        self.files += 1
        self._name(f"{path}: {problem}")

    def _name(self, text: str) -> None:
        if len(self.named) < NAMED:
            self.named.append(make_printable(text))

    def merge(self, other: "Broken") -> None:
        """Add what another reader found."""
        self.lines += other.lines
        self.files += other.files
        self.named += other.named[: NAMED - len(self.named)]

    @property
    def is_empty(self) -> bool:
        """True if everything could be read."""
        return not self.lines and not self.files
