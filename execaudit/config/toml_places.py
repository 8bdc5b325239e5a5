# SPDX-License-Identifier: Apache-2.0
"""Where in a TOML text each key and each element of an array stands.

Owns positions only: tomllib reads the values, and has no positions. `find_places` walks a text that
tomllib accepted and finds exactly the paths of tomllib's result. In other text it stops where it no
longer understands it: what it has found so far points at the mistake.
"""

import contextlib
import re
import tomllib
from bisect import bisect_right
from typing import NamedTuple

KeyPath = tuple[str | int, ...]
"""Keys from the top down; a number is the index of an element, of [[table]] headers too."""

_BLANK = re.compile(r"[ \t]*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_LINE_STRING = re.compile(r"""\"(?:\\[^\n]|[^\"\\\n])*\"|'[^'\n]*'""")
# Up to two quotes that belong to the text may stand before the three that end it.
_STRING = re.compile(
    rf"""(?s:\"{{3}}(?:\\.|[^\\])*?\"{{3,5}}|'{{3}}.*?'{{3,5}})|{_LINE_STRING.pattern}"""
)
# Besides strings: numbers, booleans, dates (with a blank inside).
_SCALAR = re.compile(rf"""{_STRING.pattern}|[^,\[\]{{}}#\n\"'=]+""")


class Place(NamedTuple):
    """A position in a file, both counted from 1, the column in characters."""

    line: int
    column: int


class Places:
    """The positions of all keys of one text.

    Attributes:
        offsets: path to offset in the text; the first offset of a table with several headers.
        repeated: path and second offset of keys that are set twice.

    """

    __slots__ = ("_line_starts", "offsets", "repeated")

    def __init__(self, text: str) -> None:
        self.offsets: dict[KeyPath, int] = {}
        self.repeated: list[tuple[KeyPath, int]] = []
        self._line_starts = [0, *(match.end() for match in re.finditer("\n", text))]

    def place(self, path: KeyPath) -> Place:
        """Return the position of a path, or of the nearest path above it; line 1 for neither."""
        while path and path not in self.offsets:
            path = path[:-1]
        return self.place_of_offset(self.offsets.get(path, 0))

    def last_path(self, line: int) -> KeyPath:
        """Return the path that begins last in a line; () where none begins there."""
        found = [path for path in self.offsets if self.place(path).line == line]
        return max(found, key=self.offsets.__getitem__, default=())

    def place_of_offset(self, offset: int) -> Place:
        """Return the position of the character at an offset."""
        line = bisect_right(self._line_starts, offset)
        return Place(line, offset - self._line_starts[line - 1] + 1)


class _NotUnderstoodError(Exception):
    """The text is not TOML from here on."""


def find_places(text: str) -> Places:
    """Return the positions of all keys and array elements; never raises, whatever the text is."""
    walk = _Walk(text)
    with contextlib.suppress(_NotUnderstoodError, RecursionError):
        walk.document()
    return walk.places


class _Walk:
    """One pass over a text. Methods take what begins at `at` and leave `at` behind it."""

    __slots__ = ("at", "lengths", "places", "set_once", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.places = Places(text)
        self.lengths: dict[KeyPath, int] = {}  # of arrays made by [[headers]]
        self.set_once: set[KeyPath] = set()  # by a [header] or with =

    def document(self) -> None:
        header: KeyPath = ()
        while self.skip(_BLANK_LINES) < len(self.text):
            if self.text.startswith("[", self.at):
                header = self.header()
            else:
                self.pair(header)
            self.skip(_BLANK)
            if not self.text.startswith(("\n", "\r\n", "#"), self.at) and self.at < len(self.text):
                raise _NotUnderstoodError

    def header(self) -> KeyPath:
        is_element = self.text.startswith("[[", self.at)
        self.at += 2 if is_element else 1
        *above, (name, offset) = self.key_parts()
        self.expect("]]" if is_element else "]")
        path = (*self.enter((), above), name)
        is_list = path in self.lengths
        is_other = path in self.places.offsets and not is_list
        if path in self.set_once or (is_other if is_element else is_list):
            self.places.repeated.append((path, offset))
        self.places.offsets.setdefault(path, offset)
        if is_element:
            index = self.lengths.get(path, 0)
            self.lengths[path] = index + 1
            path = (*path, index)
            self.places.offsets[path] = offset
        else:
            self.set_once.add(path)
        return path

    def pair(self, table: KeyPath) -> None:
        *above, (name, offset) = self.key_parts()
        self.expect("=")
        path = (*self.enter(table, above), name)
        if path in self.places.offsets:
            self.places.repeated.append((path, offset))
        self.places.offsets.setdefault(path, offset)
        self.set_once.add(path)
        self.skip(_BLANK)
        self.value(path)

    def enter(self, path: KeyPath, parts: list[tuple[str, int]]) -> KeyPath:
        """Return the path of `parts` below a table; of an array of headers, the newest element."""
        for name, offset in parts:
            path = (*path, name)
            self.places.offsets.setdefault(path, offset)
            if path in self.lengths:
                path = (*path, self.lengths[path] - 1)
        return path

    def key_parts(self) -> list[tuple[str, int]]:
        parts = []
        while True:
            offset = self.skip(_BLANK)
            bare = _BARE_KEY.match(self.text, offset)
            if bare:
                parts.append((bare[0], offset))
                self.at = bare.end()
            else:
                parts.append((self.quoted_key(), offset))
            if not self.text.startswith(".", self.skip(_BLANK)):
                return parts
            self.at += 1

    def quoted_key(self) -> str:
        quoted = self.take(_LINE_STRING)
        if "\\" not in quoted or quoted[0] == "'":
            return quoted[1:-1]
        try:
            key: str = tomllib.loads(f"key = {quoted}")["key"]
        except tomllib.TOMLDecodeError:
            raise _NotUnderstoodError from None
        return key

    def take(self, form: re.Pattern[str]) -> str:
        found = form.match(self.text, self.at)
        if not found:
            raise _NotUnderstoodError
        self.at = found.end()
        return found[0]

    def value(self, path: KeyPath) -> None:
        if self.text.startswith("[", self.at):
            self.array(path)
        elif self.text.startswith("{", self.at):
            self.inline_table(path)
        else:
            self.take(_SCALAR)

    def array(self, path: KeyPath) -> None:
        self.at += 1
        index = 0
        while not self.text.startswith("]", self.skip(_BLANK_LINES)):
            self.places.offsets[(*path, index)] = self.at
            self.value((*path, index))
            index += 1
            if self.text.startswith(",", self.skip(_BLANK_LINES)):
                self.at += 1
            elif not self.text.startswith("]", self.at):
                raise _NotUnderstoodError
        self.at += 1

    def inline_table(self, path: KeyPath) -> None:
        # Line ends and a last comma are TOML 1.1: harmless here where tomllib refuses them.
        self.at += 1
        while not self.text.startswith("}", self.skip(_BLANK_LINES)):
            self.pair(path)
            if self.text.startswith(",", self.skip(_BLANK_LINES)):
                self.at += 1
            elif not self.text.startswith("}", self.at):
                raise _NotUnderstoodError
        self.at += 1

    def skip(self, blank: re.Pattern[str]) -> int:
        """Skip what may stand between tokens; return the new position."""
        match = blank.match(self.text, self.at)
        self.at = match.end() if match else self.at
        return self.at

    def expect(self, token: str) -> None:
        if not self.text.startswith(token, self.skip(_BLANK)):
            raise _NotUnderstoodError
        self.at += len(token)
