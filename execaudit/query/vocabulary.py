# SPDX-License-Identifier: Apache-2.0
"""Which fields a search can ask for: fields of rules, and all others of a record.

Owns the conditions on the others. Members of an object have a dot in their names: `ns.pid`.
"""

from execaudit.records.vocabulary import CONDITIONS, FIELDS, Condition
from execaudit.records.vocabulary.field import SOME_TEXT

NUMBER = Condition("count", 'a number or a range such as "2-10" or "100-"')
TYPE = Condition("record type")
FLAG = CONDITIONS["privileged"]
TEXTS = Condition("texts")

ALIASES = {"label": "labels"}
"""Other names of fields, in the singular."""

_BY_KIND = {
    "string": SOME_TEXT,
    "number": NUMBER,
    "true": FLAG,
    "array of strings": TEXTS,
}


def _others() -> dict[str, Condition]:
    found = {
        name: _BY_KIND[field.kind.shown]
        for name, field in FIELDS.items()
        if field.kind.shown in _BY_KIND and not name.endswith("_b64")
    }
    for outer in ("ns", "caps"):
        for name, kind in FIELDS[outer].kind.members:
            found[f"{outer}.{name}"] = _BY_KIND[kind.shown]
    return found


ASKED: dict[str, Condition] = {**_others(), **CONDITIONS, "type": TYPE}
"""The kind of condition on each field, by its name."""
