# SPDX-License-Identifier: Apache-2.0
"""Which fields a rule can ask for, and their values out of an event: exact, or known to be unknown.

The vocabulary defines the fields. Owns the step from an event and the fields of its place (repaired
text, left-out members) to what conditions are tested on. What was unreadable or cut is UNKNOWN,
never taken for absent: no rule decides on something that is missing.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from execaudit.records.command import restore_text
from execaudit.records.record import strings_of
from execaudit.records.vocabulary import CONDITIONS, EVENT_FLAGS, Condition
from execaudit.wire.event import Event, Place

Field = Condition
FIELDS = CONDITIONS
Fields = Mapping[str, Any]

NESTED = tuple(dict.fromkeys(name.partition(".")[0] for name in FIELDS if "." in name))
"""Names before a dot, which TOML makes tables of."""

COMM_BYTES = 15
"""What the kernel keeps of a short name: TASK_COMM_LEN without its NUL, include/linux/sched.h."""

TYPES = ("exec", "exit")
RESULTS = ("success", "failure")
ACTIONS = ("drop", "keep", "label")


class _Unknown:
    """Type of UNKNOWN."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "unknown"


UNKNOWN: Final = _Unknown()
"""Value of what was unreadable or cut."""

Piece = tuple[bytes, bool, bool]
"""Text, True if more of it was before, True if more of it was after: both unseen."""

TEXT_FIELDS = ("argv", "cmdline", "env")
NUMBER_FIELDS = tuple(
    name for name, field in FIELDS.items() if field.is_of_event and name not in TEXT_FIELDS
)
EVENT_FIELDS = frozenset(name for name, field in FIELDS.items() if field.is_of_event)
"""Fields that differ between execs from the same place. All others belong to the place."""

_MAX_ANCESTORS = 8  # as many as a record has; there may be more
_OF_EXIT = ("uid", "comm", "ppid", "parent_id")
_EXACT = {f"{name}_b64": name for name, field in FIELDS.items() if field.kind == "text"}
_OF_CGROUP = ("unit", "user_unit", "slice", "session", "container", "pod")


class Texts:
    """Several texts, such as arguments: whole ones, and pieces of those that were cut.

    Attributes:
        words: texts that are there in full.
        pieces: what is there of cut ones.
        is_complete: True if nothing is missing.

    """

    __slots__ = ("_lowered", "is_complete", "pieces", "words")

    def __init__(
        self, words: Sequence[bytes], pieces: Sequence[Piece] = (), *, is_complete: bool = True
    ) -> None:
        self.words = words
        self.pieces = pieces
        self.is_complete = is_complete
        self._lowered: list[bytes] | None = None

    def lowered(self) -> list[bytes]:
        """Return the words in lower case."""
        if self._lowered is None:
            self._lowered = [word.lower() for word in self.words]
        return self._lowered


def argv_value(event: Event) -> Any:
    """Return the arguments one by one, as Texts."""
    if event.argv is None:
        return UNKNOWN
    words = strings_of(event.argv)
    if not event.argv_gaps:
        return Texts(words)
    behind = {gap.index for gap in event.argv_gaps}  # -1: before the first
    whole: list[bytes] = []
    pieces: list[Piece] = []
    for index, word in enumerate(words):
        if index in behind or index - 1 in behind:
            pieces.append((word, index - 1 in behind, index in behind))
        else:
            whole.append(word)
    return Texts(whole, pieces, is_complete=False)


def cmdline_value(event: Event) -> Any:
    """Return the arguments joined by single spaces, as Texts."""
    if event.argv is None:
        return UNKNOWN
    if not event.argv_gaps:
        return Texts((event.argv[:-1].replace(b"\0", b" "),))
    behind = {gap.index for gap in event.argv_gaps}  # -1: before the first
    pieces: list[Piece] = []
    run: list[bytes] = []
    more_before = -1 in behind
    for index, word in enumerate(strings_of(event.argv)):
        run.append(word)
        if index in behind:
            pieces.append((b" ".join(run), more_before, True))
            run, more_before = [], True
    if run:
        pieces.append((b" ".join(run), more_before, False))
    return Texts((), pieces, is_complete=False)


def env_value(event: Event) -> Any:
    """Return the selected variables, as Texts."""
    if event.env is None:
        return UNKNOWN
    return Texts(strings_of(event.env), is_complete=not event.env_gaps)


def is_argc_known(event: Event) -> bool:
    """Return False where the kernel did not count: of a failed exec it counts what it reads."""
    return event.argc >= 0 and not (event.argv is None and event.error)


def event_values(event: Event) -> dict[str, Any]:
    """Return the values of EVENT_FIELDS."""
    if event.place.type != "exec":
        return dict.fromkeys(EVENT_FIELDS, UNKNOWN)
    values = {
        "argv": argv_value(event),
        "cmdline": cmdline_value(event),
        "argc": event.argc if is_argc_known(event) else UNKNOWN,
        "env": env_value(event),
        "result": b"failure" if event.error else b"success",
        "errno": -event.error or None,
        "first_seen": event.first_seen,
        **{name: bool(event.flags & flag) for name, flag in EVENT_FLAGS.items()},
    }
    return values | dict.fromkeys(unreadable_numbers(event.place.fields), UNKNOWN)


def unreadable_numbers(fields: Fields) -> list[str]:
    """Return the names of numbers that were unreadable in all events of a place."""
    return [name for name in fields.get("unreadable", ()) if name in NUMBER_FIELDS]


def marks_of(names: Collection[str]) -> frozenset[str]:
    """Return the members of a record that say that a field in `names` is not what it seems."""
    exact = {exact for exact, name in _EXACT.items() if name in names}
    return frozenset({"unreadable", "truncated", "pcomm_b64", "exe_dev_inexact", *exact})


_MARKS = marks_of(_EXACT.values())


def place_values(place: Place, marks: frozenset[str] = _MARKS) -> Fields:
    """Return a place's fields with exact text, and UNKNOWN for what is missing.

    Where a place lacks `marks`, that is its fields as they are.
    """
    fields = place.fields
    if place.type == "exit":
        known = {name: fields[name] for name in _OF_EXIT if name in fields}
        return _AllUnknown(_restore(known, fields), type="exit")
    return fields if fields.keys().isdisjoint(marks) else _restore(fields, fields)


def _restore(chosen: Fields, fields: Fields) -> dict[str, Any]:
    values = dict(chosen)
    for exact, name in _EXACT.items():
        if exact in fields and name in values:
            values[name] = restore_text(fields, name)
    missing = [*fields.get("unreadable", ()), *fields.get("truncated", ())]
    values |= {name: UNKNOWN for name in missing if name != "ancestors" or name not in values}
    if values.get("filename") is UNKNOWN and "script" in values:
        values["script"] = UNKNOWN
    if "exe_dev_inexact" in fields:
        values |= dict.fromkeys(("exe_dev", "exe_ino"), UNKNOWN)
    if values.get("exe") is UNKNOWN or "exe_ino" in fields.get("unreadable", ()):
        values |= dict.fromkeys(("memfd", "deleted", "arch"), UNKNOWN)
    if values.get("cgroup") is UNKNOWN:
        values |= dict.fromkeys(_OF_CGROUP, UNKNOWN)
    return values


class _AllUnknown(dict[str, Any]):
    """Fields of an end; a field that is not there is UNKNOWN, not absent."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name, UNKNOWN if default is None else default)


def _effective_user(fields: Fields) -> Any:
    """Return the name of euid; records leave it out where uid is the same."""
    if "euser" in fields:
        return fields["euser"]
    if fields.get("euid") is UNKNOWN or fields.get("uid") is UNKNOWN:
        return UNKNOWN
    return fields.get("user") if fields.get("euid") == fields.get("uid") else None


def _namespace(kind: str) -> Callable[[Fields], Any]:
    def take(fields: Fields) -> Any:
        numbers = fields.get("ns", UNKNOWN)
        return UNKNOWN if numbers is UNKNOWN else numbers.get(kind, UNKNOWN)

    return take


def of_ancestors(fields: Fields, take: Callable[[Sequence[Fields], int], Any]) -> Any:
    """Return a text of each ancestor, parent first; `...` stands for those that are not known.

    `take` gives the text of the ancestor at an index.
    """
    ancestors = fields.get("ancestors")
    if ancestors is UNKNOWN:
        return UNKNOWN
    if not ancestors:
        return ()
    texts = tuple(take(ancestors, at) for at in range(len(ancestors)))
    is_cut = len(texts) >= _MAX_ANCESTORS or "ancestors" in fields.get("truncated", ())
    return (*texts, ...) if is_cut else texts


def _comm(ancestors: Sequence[Fields], at: int) -> Any:
    return restore_text(ancestors[at], "comm")


def _program_names(fields: Fields) -> Any:
    """Return the names of what runs: its file, script and program.

    Of a failure `exe` is the caller's program, and left out.
    """
    result = fields.get("result")
    is_failure = result == "failure" if result else fields.get("arch") is None
    found = [fields.get(name) for name in ("filename", "script", *(() if is_failure else ("exe",)))]
    names = [... if path is UNKNOWN else path.rpartition("/")[2] for path in found if path]
    return tuple(dict.fromkeys(names))


DERIVED: dict[str, Callable[[Fields], Any]] = {
    "euser": _effective_user,
    "ancestor.comm": lambda fields: of_ancestors(fields, _comm),
    "parent.comm": lambda fields: fields.get("pcomm"),
    "program": _program_names,
    "type": lambda fields: fields.get("type") or "exec",
    **{name: _namespace(name[3:]) for name in FIELDS if name.startswith("ns.")},
}
"""Functions that take a value out of place_values(), for names that are no field there."""


def testable(value: Any) -> Any:
    """Return what conditions on a field's value are tested on: bytes for text, Texts for a tuple.

    Elements of a tuple are texts, pieces, and `...` for what is missing.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    if isinstance(value, tuple):
        words = [testable(each) for each in value if isinstance(each, str | bytes)]
        pieces = [each for each in value if isinstance(each, tuple)]
        return Texts(words, pieces, is_complete=... not in value)
    return value
