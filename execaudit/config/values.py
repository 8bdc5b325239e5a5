# SPDX-License-Identifier: Apache-2.0
# ruff: noqa: D102 - the methods are documented by Kind
"""What a configuration value can be: a choice, a path, a label, a regular expression, a list.

Owns the reading of one TOML value, the text for a wrong one, and the way back to TOML. A kind knows
no key and no file. `read` raises ValueError with the text for the user: "is X, expected Y".
config.quantities has sizes, durations and other numbers.
"""

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from execaudit.config.toml_text import show_short, show_value

_MODE = re.compile(r"0?[0-7]{3}")
_PATH_MAX = 4096  # include/uapi/linux/limits.h, with the NUL


class Kind(ABC):
    """One kind of value."""

    __slots__ = ()

    @property
    @abstractmethod
    def expected(self) -> str:
        """Return the text behind "expected" in messages, which is in the documentation, too."""

    @abstractmethod
    def read(self, value: object) -> Any:
        """Return the program's value for a TOML value. Raises ValueError."""

    def show(self, value: Any) -> str:
        """Return TOML text that `read` turns into this value."""
        return show_value(value)


def suggest(word: str, known: list[str]) -> str:
    """Return '; did you mean "X"?' for the nearest known word, "" where none is near."""
    import difflib  # noqa: PLC0415 - of use only for mistakes

    near = difflib.get_close_matches(word, known, 1, 0.6)
    return f'; did you mean "{near[0]}"?' if near else ""


def list_words(words: list[str], last: str) -> str:
    """Return 'a, b or c'."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def mistake(value: object, expected: str) -> ValueError:
    """Return the error for a value that is not as expected."""
    return ValueError(f"is {show_short(value)}, expected {expected}")


@dataclass(frozen=True, slots=True)
class Flag(Kind):
    """Yes or no."""

    expected = "true or false"

    def read(self, value: object) -> bool:
        if isinstance(value, bool):
            return value
        raise mistake(value, self.expected)


@dataclass(frozen=True, slots=True)
class Text(Kind):
    """A text of a form; or "" where `empty` says what it means."""

    form: re.Pattern[str]
    described: str
    empty: str = ""

    @property
    def expected(self) -> str:
        return f'{self.described}, or "" ({self.empty})' if self.empty else self.described

    def read(self, value: object) -> str:
        if isinstance(value, str) and (self.accepts(value) or (self.empty and not value)):
            return value
        raise mistake(value, self.expected)

    def accepts(self, text: str) -> bool:
        """Return True for a text of the form."""
        return bool(self.form.fullmatch(text))


class AbsolutePath(Text):
    """An absolute path of a file, ending as `suffix` says."""

    def __init__(self, suffix: str = "", empty: str = "") -> None:
        ending = f' that ends in "{suffix}"' if suffix else ""
        form = re.compile(rf"/(?:[^\0]*/)?(?!\.\.?\Z)[^/\0]+(?<={re.escape(suffix)})")
        super().__init__(form, f"the absolute path of a file{ending}", empty)

    def accepts(self, text: str) -> bool:
        return super().accepts(text) and len(text.encode()) < _PATH_MAX


@dataclass(frozen=True, slots=True)
class Choice(Kind):
    """One of some words; or "" where `empty` says what it means."""

    words: tuple[str, ...]
    empty: str = ""

    @property
    def expected(self) -> str:
        words = [f'"{word}"' for word in self.words]
        return list_words([*words, f'"" ({self.empty})'] if self.empty else words, "or")

    def read(self, value: object) -> str:
        if isinstance(value, str):
            if value in self.words or (self.empty and not value):
                return value
            raise mistake(value, self.expected + suggest(value.lower(), list(self.words)))
        raise mistake(value, self.expected)


@dataclass(frozen=True, slots=True)
class Mode(Kind):
    """Permission bits of a file that its owner, and nobody else, can write."""

    expected = 'octal digits in quotes, from "0600" to "0644": writable by the owner alone'

    def read(self, value: object) -> int:
        if isinstance(value, str) and _MODE.fullmatch(value):
            mode = int(value, 8)
            if mode & 0o600 == 0o600 and not mode & ~0o644:
                return mode
        raise mistake(value, self.expected)

    def show(self, value: int) -> str:
        return f'"{value:04o}"'


def compile_regex(regex: bytes, flags: int = 0) -> re.Pattern[bytes]:
    """Compile a regular expression over bytes. Raises ValueError with the reason."""
    try:
        with warnings.catch_warnings():
            # They are about syntax that may change its meaning: no user can do anything about it.
            warnings.simplefilter("ignore")
            return re.compile(regex, flags)
    except re.error as error:
        where = "" if error.pos is None else f" at position {error.pos}"
        raise ValueError(f"{error.msg}{where}") from None
    except (OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True, slots=True)
class Regex(Kind):
    """A regular expression over bytes, in Python's syntax."""

    expected = "a regular expression that does not match the empty text"

    def read(self, value: object) -> re.Pattern[bytes]:
        if not isinstance(value, str):
            raise mistake(value, self.expected)
        try:
            pattern = compile_regex(value.encode())
        except ValueError as error:
            raise mistake(value, f"a regular expression: {error}") from None
        if pattern.match(b""):
            raise mistake(value, self.expected)
        return pattern

    def show(self, value: re.Pattern[bytes]) -> str:
        return show_value(value.pattern.decode())


@dataclass(frozen=True, slots=True)
class ListOf(Kind):
    """A list of one kind. Elements are read one by one, so that each mistake has its place."""

    element: Kind
    plural: str

    @property
    def expected(self) -> str:
        return f"a list of {self.plural}"

    def read(self, value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple):
            raise mistake(value, self.expected)
        return tuple(map(self.element.read, value))

    def show(self, value: tuple[Any, ...]) -> str:
        return "[" + ", ".join(map(self.element.show, value)) + "]"


@dataclass(frozen=True, slots=True)
class ChoiceOrList(Kind):
    """One of some words, or a list of names."""

    words: tuple[str, ...]
    names: tuple[str, ...]
    plural: str

    @property
    def expected(self) -> str:
        words = [f'"{word}"' for word in self.words]
        return list_words([*words, f"a list of {self.plural}"], "or")

    def read(self, value: object) -> str | tuple[str, ...]:
        if isinstance(value, str) and value in self.words:
            return value
        if not isinstance(value, list | tuple):
            raise mistake(value, self.expected)
        for name in value:
            if name not in self.names:
                near = suggest(str(name), [*self.names])
                raise mistake(value, f"{self.plural}, not {show_short(name)}{near}")
        return tuple(value)


@dataclass(frozen=True, slots=True)
class TablesOf(Kind):
    """[[tables]] of one form, a dataclass whose fields are made by `key` and `required_key`."""

    form: type

    expected = "[[tables]]"

    def read(self, value: object) -> tuple[Mapping[str, object], ...]:
        if isinstance(value, list | tuple) and all(isinstance(each, dict) for each in value):
            return tuple(value)
        raise mistake(value, self.expected)


def key(kind: Kind, default: object, doc: str) -> Any:
    """Return the dataclass field of one key.

    Args:
        kind: the values it takes.
        default: its default as in TOML.
        doc: what it does and why to change it, for the sample and the reference.

    """
    return field(default=kind.read(default), metadata={"kind": kind, "doc": doc})


def required_key(kind: Kind, doc: str) -> Any:
    """Return the dataclass field of a key that its table must have."""
    return field(metadata={"kind": kind, "doc": doc})


def kinds(table: type) -> dict[str, Kind]:
    """Return the kinds of a section or a form of tables by key, in order."""
    return {each.name: each.metadata["kind"] for each in fields(table)}


SEVERITIES = ("debug", "info", "notice", "warning", "err", "crit", "alert", "emerg")
"""The severities of syslog, least first."""

SEVERITY = Choice(SEVERITIES, empty="any")

LABEL = Text(
    re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}"),
    'a label: up to 64 letters, digits, "_", ".", ":" and "-"',
)
LABELS = ListOf(LABEL, "labels")
TECHNIQUES = ListOf(
    Text(re.compile(r"T[0-9]{4}(\.[0-9]{3})?"), 'an ATT&CK technique such as "T1059.004"'),
    "ATT&CK techniques",
)
