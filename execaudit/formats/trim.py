# SPDX-License-Identifier: Apache-2.0
"""Records made to fit into a line of bounded length, and saying so.

Owns what is given up, in which order: the middle of the arguments first, then environment, names
tried along PATH and ancestors, at last parts of long texts. What was left out is marked in
`truncated` as everything that is cut, with the reason "line".
"""

from collections.abc import Callable

from execaudit.records.place import FieldDict
from execaudit.records.text import add_texts, exact_strings

REASON = "line"
MIN_LINE_BYTES = 8 << 10
"""What every record fits into, whatever is in it."""

_TEXT_BYTES = (1024, 256, 64)
_LISTS = ("env", "path_search", "ancestors", "last_record")
_KEEP_END = ("exe", "cwd", "root", "cgroup")  # as docs/record.md has it for cut paths
_FIXED = ("time", "type", "host", "boot", "hook", "id", "parent_id", "start", "result", "errno")

Encode = Callable[[FieldDict], bytes]


def trim(fields: FieldDict, encode: Encode, limit: int) -> bytes:
    """The line of a record whose whole line is longer than `limit`.

    `encode` makes the line of fields. `limit` is MIN_LINE_BYTES or more.
    """
    fields = dict(fields)
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
    """With as many bytes of the arguments as there is room for: a search by halves."""
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


def _find_character(block: bytes, at: int, step: int) -> int:
    """Where a character begins at `at`, or next to it in a direction."""
    for _ in range(3):
        if not 0 < at < len(block) or block[at] & 0xC0 != 0x80:
            break
        at += step
    return at


def keep_argv(fields: FieldDict, room: int) -> FieldDict:
    """Keep `room` bytes of the arguments, three quarters at the beginning, as the kernel side does.

    The gap is marked as any other; gaps that lie within it become part of it.
    """
    words = exact_strings(fields, "argv")
    block = b"".join(word + b"\0" for word in words)
    if room >= len(block):
        return fields
    end = _find_character(block, room - room // 4, -1)
    begin = _find_character(block, len(block) - room // 4, 1)
    if end and not block[end - 1]:
        end -= 1  # the NUL that ends the last argument is missing, not its text
        head = block[:end].split(b"\0")
    else:
        head = block[:end].split(b"\0") if end else []
    tail = block[begin:-1].split(b"\0") if begin < len(block) else []
    first = len(words) - len(tail)  # the element whose end, or all of it, begins the tail
    return _mark_gap(fields, head, tail, first, begin - end)


def _mark_gap(
    fields: FieldDict, head: list[bytes], tail: list[bytes], first: int, missing: int
) -> FieldDict:
    fields = dict(fields)
    last = len(head) - 1
    mark: FieldDict = {"index": last, "missing_bytes": missing, "reason": REASON}
    before: list[FieldDict] = []
    after: list[FieldDict] = []
    for gap in fields.get("truncated", {}).get("argv", ()):
        if gap["index"] < last:
            before.append(gap)
        elif gap["index"] >= first:
            after.append({**gap, "index": gap["index"] - first + len(head)})
        elif "missing_bytes" not in gap:
            mark.pop("missing_bytes", None)
        elif "missing_bytes" in mark:
            mark["missing_bytes"] += gap["missing_bytes"] - 1  # for the NUL between its neighbours
    fields["truncated"] = {**fields.get("truncated", {}), "argv": [*before, mark, *after]}
    fields.pop("argv_b64", None)
    add_texts(fields, "argv", head + tail)
    if "argv" in fields.get("redacted", {}):
        kept = [
            index if index <= last else index - first + len(head)
            for index in fields["redacted"]["argv"]
            if index <= last or index >= first
        ]
        _set_redacted(fields, "argv", kept)
    return fields


def _set_redacted(fields: FieldDict, name: str, indexes: list[int]) -> None:
    redacted = {**fields["redacted"], name: indexes}
    if not indexes:
        del redacted[name]
    fields["redacted"] = redacted
    if not redacted:
        del fields["redacted"]


def _leave_out(fields: FieldDict, name: str) -> FieldDict:
    """Leave a list out as a whole."""
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
    """Mark members as cut. Their exact bytes, which are whole, go."""
    exact = {f"{name}_b64" for name in marks}
    kept = {name: value for name, value in fields.items() if name not in exact}
    return {**kept, "truncated": {**fields.get("truncated", {}), **marks}}


def _shorten_texts(fields: FieldDict, most: int) -> FieldDict:
    """Cut texts of more than `most` characters, and say which."""
    fields = dict(fields)
    marks: FieldDict = {}
    for name, value in fields.items():
        is_text = isinstance(value, str) and not name.endswith("_b64")
        if is_text and len(value) > most and name not in _FIXED:
            fields[name] = f"…/{value[-most:]}" if name in _KEEP_END else value[:most]
            marks[name] = True
    return _mark_cut(fields, marks) if marks else fields


def _leave_out_texts(fields: FieldDict) -> FieldDict:
    """What cannot be long: numbers, times, identities."""
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
