# SPDX-License-Identifier: Apache-2.0
"""Hypothesis strategy for TOML texts in every spelling, with where each key was written."""

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from execaudit.config.toml_places import KeyPath

_NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
_BARE = st.text("abcXYZ019_-", min_size=1, max_size=6)
_BLANKS = st.sampled_from(["", "", " ", "\t", "  "])
_LINE_ENDS = st.sampled_from(["\n", "\r\n", " # comment = [\"'\n", "\n\n# [x]\n \t\n"])
_SCALARS = st.sampled_from(
    [
        "1", "-0", "1_000", "0x1f", "1.5e3", "inf", "true", "false",
        "1979-05-27", "1979-05-27 07:32:00Z", "1979-05-27T07:32:00.5-07:00", "07:32:00",
        '""', "''", '"a = [b] # c"', "'a = {b}, # c'", r'"\"\\ \u00e9"', r"'\'", '"é]"',
        '""""""', "''''''", '"""\n[a]\nb = "c" ""d\\\n  """', "'''\n[a]\n'' # \\'''",
        '"""a"""""', "'''a'''''", '"""\\""""', '"""a\r\nb"""',
    ]
)  # fmt: skip


@dataclass(slots=True)
class Document:
    """A text under construction, and the offset of each path's first mention."""

    draw: Any
    text: str = ""
    offsets: dict[KeyPath, int] = field(default_factory=dict)

    def write(self, *parts: str) -> None:
        self.text += "".join(parts)

    def blank(self) -> None:
        self.write(self.draw(_BLANKS))

    def key(self, path: KeyPath) -> None:
        """Write the last part of the path."""
        self.offsets.setdefault(path, len(self.text))
        self.write(self.spell(str(path[-1])))

    def spell(self, name: str) -> str:
        is_bare = bool(name) and all(char in "abcXYZ019_-" for char in name)
        if is_bare and self.draw(st.booleans()):
            return name
        if name.isprintable() and "'" not in name and self.draw(st.booleans()):
            return f"'{name}'"
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return (
            '"'
            + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)
            + '"'
        )  # fmt: skip

    def new_keys(self, at_most: int) -> list[str]:
        names = st.one_of(_BARE, _NAMES)
        found: list[str] = self.draw(st.lists(names, max_size=at_most, unique=True))
        return found

    def value(self, path: KeyPath, depth: int, newlines: bool) -> None:
        kind = self.draw(st.sampled_from(["scalar"] * 3 + ["array", "table"] * (depth > 0)))
        if kind == "scalar":
            scalars = _SCALARS if newlines else _SCALARS.filter(lambda text: "\n" not in text)
            self.write(self.draw(scalars))
        elif kind == "array":
            self.array(path, depth)
        else:
            self.inline_table(path, depth)

    def array(self, path: KeyPath, depth: int) -> None:
        def gap() -> None:
            self.blank()
            if self.draw(st.booleans()):
                self.write(self.draw(_LINE_ENDS))
            self.blank()

        self.write("[")
        count = self.draw(st.integers(0, 3))
        for index in range(count):
            gap()
            self.offsets[(*path, index)] = len(self.text)
            self.value((*path, index), depth - 1, newlines=True)
            gap()
            self.write("," if index < count - 1 or self.draw(st.booleans()) else "")
        gap()
        self.write("]")

    def inline_table(self, path: KeyPath, depth: int) -> None:
        self.write("{")
        names = self.new_keys(3)
        for index, name in enumerate(names):
            self.pair(path, name, depth - 1, newlines=False)
            self.blank()
            self.write("," if index < len(names) - 1 else "")
        self.blank()
        self.write("}")

    def pair(self, table: KeyPath, name: str, depth: int, newlines: bool) -> None:
        self.blank()
        self.key((*table, name))
        path: KeyPath = (*table, name)
        for below in self.new_keys(2) if self.draw(st.booleans()) else []:
            self.blank()
            self.write(".")
            self.blank()
            path = (*path, below)
            self.key(path)
        self.blank()
        self.write("=")
        self.blank()
        self.value(path, depth, newlines)

    def table(self, spelled: list[tuple[KeyPath, str]], path: KeyPath, depth: int) -> None:
        """Write what is below a header (or at the top), then the tables further down."""
        names = self.new_keys(5)
        split = self.draw(st.integers(0, len(names)))
        for name in names[:split]:
            self.pair(path, name, depth=2, newlines=True)
            self.blank()
            self.write(self.draw(_LINE_ENDS))
        for name in names[split:] if depth else []:
            is_list = self.draw(st.booleans())
            for index in range(self.draw(st.integers(1, 3)) if is_list else 1):
                below = (*path, name)
                offset = self.header([*spelled, (below, name)], is_list)
                if is_list:
                    self.offsets[(*below, index)] = offset
                    below = (*below, index)
                self.table([*spelled, (below[: len(path) + 1], name)], below, depth - 1)

    def header(self, parts: list[tuple[KeyPath, str]], is_list: bool) -> int:
        self.blank()
        self.write("[[" if is_list else "[")
        offset = 0
        for number, (path, name) in enumerate(parts):
            self.blank()
            offset = len(self.text)
            self.offsets.setdefault(path, offset)
            self.write(self.spell(name))
            self.blank()
            self.write("." if number < len(parts) - 1 else "")
        self.write("]]" if is_list else "]")
        self.blank()
        self.write(self.draw(_LINE_ENDS))
        return offset


@st.composite
def documents(draw: Any) -> Document:
    document = Document(draw)
    document.table([], (), depth=3)
    return document
