# SPDX-License-Identifier: Apache-2.0
"""The tables of docs/record.md, docs/service-records.md and docs/conditions.md, by marks.

Owns how a field becomes a row. What it says is the field's.
"""

from collections.abc import Iterable

from execaudit.records.vocabulary import CONDITIONS, FIELDS, SECTIONS, TYPES, Condition, Field
from execaudit.records.vocabulary.kinds import EXACT

_TAKES = {
    "user": "numbers, names of users",
    "group": "numbers, names of groups",
    "login": 'numbers, names of users, `"unset"`',
    "session": 'numbers, `"unset"`',
    "number": "numbers",
    "flag": "`true` or `false`",
    "type": '`"exec"` or `"exit"`',
    "result": '`"success"` or `"failure"`',
    "errno": 'names such as `"ENOENT"`, or numbers',
    "first_seen": '`"exe"`, `"file"`, `"pair"`, `"user"`',
}
_TEXTS = ("text", "texts")
_NUMBERS = ("user", "group", "login", "session", "number")


def _code(names: Iterable[str], between: str = ", ") -> str:
    return between.join(f"`{name}`" for name in names)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(line)} |" for line in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]])


def _row(field: Field, meaning: str) -> tuple[str, str, str]:
    return f"`{field.name}`", field.kind.shown, meaning


def _type_part(kind: str) -> str:
    """Return the table of a type's own fields, and the names of those explained before."""
    rows, others = [], []
    for field in FIELDS.values():
        if kind not in field.types:
            continue
        if kind in field.meanings:
            rows.append(_row(field, field.meanings[kind]))
        elif field in SECTIONS.get(kind, ()):
            rows.append(_row(field, field.meaning))
        elif field not in SECTIONS["every"]:
            others.append(field.name)
    text = _table(("field", "type", "meaning"), rows)
    return f"{text}\n\nAs in other records: {_code(others)}." if others else text


SERVICE = frozenset(TYPES) - {"exec", "exit"}
EVENTS = (frozenset(SECTIONS) | {"exit"}) - SERVICE


def record_tables() -> dict[str, str]:
    """Return the tables of EVENTS in docs/record.md, and of SERVICE in docs/service-records.md."""
    found = {}
    for section, fields in SECTIONS.items():
        rows = [_row(field, field.meaning) for field in fields]
        if section == "missing":
            exact = [field.name for field in FIELDS.values() if field.kind == EXACT]
            meaning = (
                "exact bytes in base64 of the text of the name before `_b64`, which were not valid"
                " UTF-8, so that it shows U+FFFD"
            )
            rows.append((_code(exact, " "), EXACT.shown, meaning))
        found[section] = _table(("field", "type", "meaning"), rows)
    return found | {kind: _type_part(kind) for kind in TYPES[1:]}


def _takes(condition: Condition) -> str:
    if condition.kind in _TEXTS:
        kind = "a path" if condition.is_path else "a text"
        return f"{kind}, `true`, `false`" if condition.can_be_absent else kind
    return _TAKES[condition.kind]


def _rule_table(kinds: Iterable[str] | None) -> str:
    """Return a row for each that is said of conditions; None: of all other kinds."""
    rows: dict[tuple[str, str], list[str]] = {}
    for name, condition in CONDITIONS.items():
        if condition.kind in (kinds or ()) or (
            kinds is None and condition.kind not in (*_TEXTS, *_NUMBERS)
        ):
            said = _takes(condition), condition.note or "as in the record"
            rows.setdefault(said, []).append(name)
    head = ("field", "takes", "meaning")
    return _table(head, ((_code(names), *said) for said, names in rows.items()))


def rule_tables() -> dict[str, str]:
    """Return the tables of docs/conditions.md."""
    return {
        "texts": _rule_table(_TEXTS),
        "numbers": _rule_table(_NUMBERS),
        "others": _rule_table(None),
    }
