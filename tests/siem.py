# SPDX-License-Identifier: Apache-2.0
"""What docs/siem.md shows and packaging/siem ships: its queries, and the words in them.

Owns finding them in the files. It must not judge them.
"""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIEM = ROOT / "packaging/siem"
SHIPPERS = ROOT / "packaging/shippers"
PAGE = ROOT / "docs/siem.md"
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUOTED = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")


def queries(language: str) -> list[str]:
    """The page's queries in a language, in their order."""
    return [text for name, text in _FENCE.findall(PAGE.read_text()) if name == language]


def words(query: str) -> set[str]:
    """Lower-case words of a query, without what stands in quotes, is called or follows `=`."""
    text = _QUOTED.sub(" ", re.sub(r"`[^`]*`", " ", query))
    return set(re.findall(r"(?<![\w.=])[a-z_][a-z_0-9]*\b(?!\()", text))
