# SPDX-License-Identifier: Apache-2.0
"""One file of the configuration or of the rules: its text, its tables, and where its keys stand.

Owns the way from a file's bytes to tables, and from a key to the problem that names its line.
"""

import tomllib
from typing import Any

from execaudit.config.problem import Problem
from execaudit.config.toml_places import KeyPath, Place, Places, find_places
from execaudit.config.toml_text import describe_syntax_error, show_path


class Source:
    """A file.

    Attributes:
        file: its path.
        name: relative to the folder it was found in: `execaudit.toml`, `conf.d/10-x.toml`.
        data: its bytes.
        text: the same, decoded.

    """

    __slots__ = ("_places", "data", "file", "name", "text")

    def __init__(self, file: str, name: str, data: bytes) -> None:
        self.file = file
        self.name = name
        self.data = data
        self.text = data.decode()
        self._places: Places | None = None

    def place(self, path: KeyPath) -> Place:
        """Line and column of a key, or of the nearest one above it."""
        if self._places is None:  # only mistakes and listings ask: reading is faster without
            self._places = find_places(self.text)
        return self._places.place(path)

    def problem(self, path: KeyPath, text: str) -> Problem:
        """Make a problem of a key in this file."""
        return Problem(self.file, *self.place(path), show_path(path), text)

    def parse(self, problems: list[Problem]) -> dict[str, Any] | None:
        """Return the tables; of what is not TOML None, and a problem is added."""
        try:
            return tomllib.loads(self.text)
        except ValueError as error:
            place, key, text = describe_syntax_error(self.text, error)
            problems.append(Problem(self.file, *place, key, text))
        except RecursionError:
            problems.append(
                Problem(self.file, 1, 1, "", "is nested too deeply, expected a few levels")
            )
        return None
