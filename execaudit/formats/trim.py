# SPDX-License-Identifier: Apache-2.0
"""Makes a record fit into a line of bounded length, and marks what it cut.

Owns what is cut, in which order: the parent's command line, the middle of the arguments, the
environment, names tried along PATH, ancestors, and at last long texts. `truncated` says so, with
the reason "line".
"""

from collections.abc import Callable

from execaudit.records.cut_middle import cut_middle
from execaudit.records.record import gap_fields
from execaudit.records.text import FieldDict, add_texts, exact_strings
from execaudit.wire.event import Gap

REASON = "line"
MIN_LINE_BYTES = 8 << 10
"""Every record fits into a line of this length."""

_TEXT_BYTES = (1024, 256, 64)
_LISTS = ("env", "path_search", "ancestors", "last_record")
_KEEP_END = ("exe", "cwd", "root", "cgroup")  # as docs/record.md has it for cut paths
_FIXED = ("time", "type", "host", "boot", "hook", "id", "parent_id", "start", "result", "errno")

Encode = Callable[[FieldDict], bytes]


def trim(fields: FieldDict, encode: Encode, limit: int) -> bytes:
    """Return the line of a record whose whole line is longer than `limit`.

    `encode` makes the line of fields. `limit` is MIN_LINE_BYTES or more.
    """
    fields = dict(fields)
    if "pcmdline" in fields:  # the parent's own record has it
        fields = _leave_out(fields, "pcmdline")
        line = encode(fields)
        if len(line) <= limit:
            return line
    if fields.get("argv"):
        line = _fit_argv(fields, encode, limit)
        if len(line) <= limit:
            return line
        fields = keep_argv(fields, 0)
    for name in _LISTS:
        if name in fields:
            fields = _leave_out(fields, name)
            line = encode(fields)
            if len(line) <= limit:
                return line
    for most in _TEXT_BYTES:
        fields = _shorten_texts(fields, most)
        line = encode(fields)
        if len(line) <= limit:
            return line
    return encode(_leave_out_texts(fields))


def _fit_argv(fields: FieldDict, encode: Encode, limit: int) -> bytes:
    """Return the line with as many bytes of the arguments as fit, found by bisection."""
    low, high = 0, limit
    best = encode(keep_argv(fields, 0))
    while high - low > max(low >> 6, 32):
        middle = (low + high) // 2
        line = encode(keep_argv(fields, middle))
        if len(line) <= limit:
            low, best = middle, line
        else:
            high = middle
    return best


def keep_argv(fields: FieldDict, room: int) -> FieldDict:
    """Return the fields with `room` bytes of the arguments; the gap is marked as any other."""
    block = b"".join(word + b"\0" for word in exact_strings(fields, "argv"))
    if room >= len(block):
        return fields
    known = fields.get("truncated", {}).get("argv", ())
    gaps = [Gap(gap["index"], gap.get("missing_bytes"), gap["reason"]) for gap in known]
    cut = cut_middle(block, gaps, room, REASON)
    marks = [gap_fields(gap) for gap in cut.gaps]
    fields = {**fields, "truncated": {**fields.get("truncated", {}), "argv": marks}}
    fields.pop("argv_b64", None)
    add_texts(fields, "argv", cut.strings)
    if "argv" in fields.get("redacted", {}):
        _set_redacted(fields, "argv", list(cut.move(fields["redacted"]["argv"])))
    return fields


def _set_redacted(fields: FieldDict, name: str, indexes: list[int]) -> None:
    redacted = {**fields["redacted"], name: indexes}
    if not indexes:
        del redacted[name]
    fields["redacted"] = redacted
    if not redacted:
        del fields["redacted"]


def _leave_out(fields: FieldDict, name: str) -> FieldDict:
    """Return the fields without one member, which is marked as cut."""
    fields = dict(fields)
    mark: object = True
    if name == "env":
        missing = sum(len(word) + 1 for word in exact_strings(fields, "env"))
        known = fields.get("truncated", {}).get("env", [])
        mark = [*known, {"missing_bytes": missing, "reason": REASON}]
        fields.pop("env_b64", None)
        if "env" in fields.get("redacted", {}):
            _set_redacted(fields, "env", [])
    del fields[name]
    return _mark_cut(fields, {name: mark})


def _mark_cut(fields: FieldDict, marks: FieldDict) -> FieldDict:
    """Return the fields with members marked as cut, and without their exact bytes."""
    exact = {f"{name}_b64" for name in marks}
    kept = {name: value for name, value in fields.items() if name not in exact}
    return {**kept, "truncated": {**fields.get("truncated", {}), **marks}}


def _shorten_texts(fields: FieldDict, most: int) -> FieldDict:
    """Return the fields with texts of at most `most` characters; cut ones are marked."""
    fields = dict(fields)
    marks: FieldDict = {}
    for name, value in fields.items():
        is_text = isinstance(value, str) and not name.endswith("_b64")
        if is_text and len(value) > most and name not in _FIXED:
            fields[name] = f"…/{value[-most:]}" if name in _KEEP_END else value[:most]
            marks[name] = True
    return _mark_cut(fields, marks) if marks else fields


def _leave_out_texts(fields: FieldDict) -> FieldDict:
    """Return only members that cannot be long: numbers, times, identities."""
    kept = {
        name: value
        for name, value in fields.items()
        if name in _FIXED or isinstance(value, int) or name == "truncated"
    }
    names = [
        name for name in fields if name not in kept and name != "argv" and not name.endswith("_b64")
    ]
    if "argv" in fields:
        kept["argv"] = []
    return _mark_cut(kept, dict.fromkeys(names, True))
