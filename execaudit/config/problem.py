# SPDX-License-Identifier: Apache-2.0
"""A mistake in a configuration or rules file, as users see it.

Owns the form `file:line:column: key: what is wrong, what was expected`, which editors and CI
systems know, and nothing else.
"""

from typing import NamedTuple

from execaudit.records.quoting import make_printable


class Problem(NamedTuple):
    """One mistake.

    Attributes:
        file: path as it was opened.
        line: from 1; 0 where the file as a whole is meant (its owner, say).
        column: from 1, in characters; 0 like `line`.
        key: the key from the top, such as `file.mode` or `rule[3].uid`; "" for none.
        text: what is wrong, and what was expected.

    """

    file: str
    line: int
    column: int
    key: str
    text: str

    def __str__(self) -> str:
        """Return the line that is shown."""
        where = f":{self.line}:{self.column}" if self.line else ""
        key = f"{self.key}: " if self.key else ""
        return f"{make_printable(self.file)}{where}: {key}{self.text}"
