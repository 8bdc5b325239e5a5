# SPDX-License-Identifier: Apache-2.0
"""The values that rules look at, out of a record's fields: exact, or known to be unknown.

Owns the step from fields as docs/record.md shows them (repaired text, left-out members) to what
conditions are tested on. A field that was unreadable or cut is UNKNOWN, never taken for absent, so
that no rule decides on something that is missing.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from execaudit.records.command import restore_text
from execaudit.records.vocabulary import CONDITIONS

Fields = Mapping[str, Any]


class _Unknown:
    """The only one of its kind."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()

Piece = tuple[bytes, bool, bool]
"""Text; whether more of it, unseen, was before; and after."""

EVENT_FIELDS = tuple(name for name, condition in CONDITIONS.items() if condition.is_of_event)
"""What differs between execs that are otherwise alike, in the same place."""

_ANCESTORS = 8  # as many as a record has; there may be more
_OF_EXIT = frozenset({"type", "uid", "comm", "ppid", "parent_id"})


class Texts:
    """Several texts, such as arguments: whole ones, and pieces of those that were cut.

    Attributes:
        words: what is there in full.
        pieces: what is not.
        is_complete: nothing is missing.

    """

    __slots__ = ("is_complete", "pieces", "words")

    def __init__(
        self, words: Sequence[bytes], pieces: Sequence[Piece] = (), *, is_complete: bool = True
    ) -> None:
        self.words = words
        self.pieces = pieces
        self.is_complete = is_complete


class Arguments:
    """The arguments of one exec.

    Attributes:
        raw: the NUL terminated strings as the kernel had them; b"" where they are not complete.

    """

    __slots__ = ("_each", "_joined", "raw")

    def __init__(self, raw: bytes, each: Texts | None = None, joined: Texts | None = None) -> None:
        self.raw = raw
        self._each = each
        self._joined = joined

    @classmethod
    def cut(cls, words: list[bytes], gaps: set[int]) -> "Arguments":
        """Arguments with something missing behind the elements `gaps` (-1: before the first)."""
        whole: list[bytes] = []
        pieces: list[Piece] = []
        for index, word in enumerate(words):
            if index in gaps or index - 1 in gaps:
                pieces.append((word, index - 1 in gaps, index in gaps))
            else:
                whole.append(word)
        each = Texts(whole, pieces, is_complete=False)
        return cls(b"", each, Texts((), _joined_pieces(words, gaps), is_complete=False))

    @property
    def each(self) -> Texts:
        """One by one."""
        if self._each is None:
            self._each = Texts(self.raw[:-1].split(b"\0") if self.raw else ())
        return self._each

    @property
    def joined(self) -> Texts:
        """The whole command line, joined by single spaces."""
        if self._joined is None:
            self._joined = Texts((self.raw[:-1].replace(b"\0", b" "),))
        return self._joined


def _joined_pieces(words: list[bytes], gaps: set[int]) -> list[Piece]:
    pieces: list[Piece] = []
    run: list[bytes] = []
    more_before = -1 in gaps
    for index, word in enumerate(words):
        run.append(word)
        if index in gaps:
            pieces.append((b" ".join(run), more_before, True))
            run, more_before = [], True
    if run:
        pieces.append((b" ".join(run), more_before, False))
    return pieces


def place_fields(fields: Fields) -> Fields:
    """Fields with exact text where some is not UTF-8, and UNKNOWN for what is missing."""
    if fields.get("type") == "exit":
        known = {name: value for name, value in fields.items() if name in _OF_EXIT}
        return _AllUnknown(known | {"pcomm": UNKNOWN, "ancestors": UNKNOWN})
    if "b64" not in fields and "unreadable" not in fields and "truncated" not in fields:
        return fields
    exact = dict(fields)
    for name in fields.get("b64", ()):
        exact[name] = restore_text(fields, name)
    cut = [name for name in fields.get("truncated", ()) if name != "ancestors"]
    for name in (*fields.get("unreadable", ()), *cut):
        exact[name] = UNKNOWN
    if exact.get("filename") is UNKNOWN and "script" in exact:
        exact["script"] = UNKNOWN
    if exact.get("exe") is UNKNOWN or "exe_ino" in fields.get("unreadable", ()):
        exact |= dict.fromkeys(("memfd", "deleted", "arch"), UNKNOWN)
    if exact.get("cgroup") is UNKNOWN:
        exact |= dict.fromkeys(("unit", "user_unit", "slice", "session", "container"), UNKNOWN)
    return exact


class _AllUnknown(dict[str, Any]):
    """Fields of which all others are unknown."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, UNKNOWN if default is None else default)


def _effective_user(fields: Fields) -> Any:
    """Name of euid; records leave it out where it is that of uid."""
    if "euser" in fields:
        return fields["euser"]
    if fields.get("euid") is UNKNOWN or fields.get("uid") is UNKNOWN:
        return UNKNOWN
    return fields.get("user") if fields.get("euid") == fields.get("uid") else None


def _ancestor_comms(fields: Fields) -> Any:
    return of_ancestors(fields, lambda ancestor: restore_text(ancestor, "comm"))


def of_ancestors(fields: Fields, take: Callable[[Fields], Any]) -> Any:
    """Texts of the ancestors, parent first; `...` stands for those that are not known."""
    ancestors = fields.get("ancestors", ())
    if ancestors is UNKNOWN:
        return UNKNOWN
    texts = tuple(map(take, ancestors))
    return (*texts, ...) if len(texts) >= _ANCESTORS else texts


DERIVED: dict[str, Callable[[Fields], Any]] = {
    "euser": _effective_user,
    "ancestor.comm": _ancestor_comms,
    "parent.comm": lambda fields: fields.get("pcomm"),
    "type": lambda fields: fields.get("type") or "exec",
}
"""What takes a value out of place_fields(), where it is not the field of this name."""


def testable(value: Any) -> Any:
    """Turn a field's value into what conditions are tested on: bytes for text."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, tuple):
        words = [each.encode("utf-8", "surrogateescape") for each in value if each is not ...]
        return Texts(words, is_complete=... not in value)
    return value


def event_values(fields: Fields) -> dict[str, Any]:
    """Values of EVENT_FIELDS of a whole record."""
    if fields.get("type") == "exit":
        return dict.fromkeys((*EVENT_FIELDS, "arguments"), UNKNOWN)
    arguments = _arguments(fields)
    return {name: fields.get(name) for name in EVENT_FIELDS} | {
        "argv": UNKNOWN if arguments is UNKNOWN else arguments.each,
        "cmdline": UNKNOWN if arguments is UNKNOWN else arguments.joined,
        "arguments": arguments,
        "argc": fields.get("argc", UNKNOWN),
        "env": _environment(fields),
        "result": fields.get("result", UNKNOWN),
        "errno": fields.get("errno_code"),
    }


def _arguments(fields: Fields) -> Any:
    if "argv" not in fields or "argv" in fields.get("unreadable", ()):
        return UNKNOWN
    words = _exact_list(fields, "argv")
    gaps = {gap["index"] for gap in fields.get("truncated", {}).get("argv", ())}
    if gaps:
        return Arguments.cut(words, gaps)
    return Arguments(b"".join(word + b"\0" for word in words))


def _environment(fields: Fields) -> Any:
    is_complete = "env" not in fields.get("truncated", ())
    if "env" in fields.get("unreadable", ()):
        return UNKNOWN
    return Texts(_exact_list(fields, "env"), is_complete=is_complete)


def _exact_list(fields: Fields, name: str) -> list[bytes]:
    exact = fields.get(f"{name}_b64", {})
    return [
        base64.b64decode(exact[str(index)])
        if str(index) in exact
        else text.encode("utf-8", "surrogateescape")
        for index, text in enumerate(fields.get(name, ()))
    ]
