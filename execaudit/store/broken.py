# SPDX-License-Identifier: Apache-2.0
"""What could not be read: broken lines, damaged files, files that are gone.

Owns counting them, and the first messages. None of it is fatal.
"""

from collections.abc import Iterable

from execaudit.records.quoting import make_printable

NAMED = 20


class Broken:
    """Places that could not be read.

    Attributes:
        lines: how many lines are not records.
        unread: messages about files that could not be read to their end.
        named: messages about the first 20 of both.
        is_denied: permission was missing for the last file of `add_error`.

    """

    def __init__(self) -> None:
        self.lines = 0
        self.unread: dict[str, None] = {}
        self.named: list[str] = []
        self.is_denied = False

    def add_line(self, path: str, offset: int, problem: str) -> None:
        """Note a line that is no record; `offset` is its byte offset in the file's text."""
        self.lines += 1
        self._name(make_printable(f"{path}, byte {offset}: {problem}"))

    def add_file(self, path: str, problem: str) -> None:
        """Note a file that could not be read to its end, once for all its pieces and passes."""
        self.add_unread([make_printable(f"{path}: {problem}")])

    def add_unread(self, messages: Iterable[str]) -> None:
        """Add messages of another pass about files that could not be read to their end."""
        for text in messages:
            if text not in self.unread:
                self.unread[text] = None
                self._name(text)

    def add_error(self, path: str, error: Exception) -> None:
        """Note a file that an error kept from being read."""
        self.is_denied = isinstance(error, PermissionError)
        self.add_file(path, getattr(error, "strerror", None) or str(error))

    def add_folder(self, error: OSError) -> None:
        """Note a folder that os.walk() could not read."""
        self.add_error(str(error.filename), error)

    def _name(self, text: str) -> None:
        if len(self.named) < NAMED:
            self.named.append(text)

    def merge(self, other: "Broken") -> None:
        """Add what another reader found."""
        self.lines += other.lines
        for text in other.named:
            if text not in self.unread:
                self._name(text)
        self.unread |= other.unread
        self.is_denied |= other.is_denied

    @property
    def files(self) -> int:
        """How many files could not be read to their end."""
        return len(self.unread)

    @property
    def is_empty(self) -> bool:
        """True if everything could be read."""
        return not self.lines and not self.unread
