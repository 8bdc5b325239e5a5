# SPDX-License-Identifier: Apache-2.0
"""The vocabulary: every field of a record, declared once (docs/record.md).

From it come, by `./dev generate`, the JSON Schema, the tables of the guides and the files of
packaging/siem; and here, what rules can ask for and what is read back from the journal.
The declarations stand in the modules of this package; this one puts them together.
"""

from collections.abc import Iterator

from execaudit.records.vocabulary import kinds, outcome, process, program, service
from execaudit.records.vocabulary.field import OWN, TYPES, Condition, Field

__all__ = [
    "CONDITIONS",
    "EVENT_FLAGS",
    "FIELDS",
    "OWN",
    "SECTIONS",
    "TYPES",
    "Condition",
    "Field",
    "exact_name",
]

SECTIONS: dict[str, tuple[Field, ...]] = {
    "every": process.EVERY,
    "who": process.WHO,
    "what": program.WHAT,
    "where": program.WHERE,
    "outcome": outcome.OUTCOME,
    "rules": outcome.RULES,
    "missing": outcome.MISSING,
    "exit": outcome.EXIT,
    "lost": service.LOST,
    "start": service.START,
    "stop": service.STOP,
    "config": service.CONFIG,
    "repair": service.REPAIR,
    "seal": service.SEAL,
    "program": program.FILE,
}
"""The declarations by the section of docs/record.md that explains them."""


def exact_name(name: str) -> str:
    """Return the name of the field with the exact bytes of another, where these are not UTF-8."""
    return f"{name}_b64"


def _with_exact(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Yield fields, and behind each that can hold any bytes the one that then has these."""
    for field in fields:
        yield field
        if field.is_bytes:
            meaning = f"exact bytes of `{field.name}` in base64, where these were not valid UTF-8"
            yield Field(exact_name(field.name), kinds.EXACT, meaning, field.types)


FIELDS: dict[str, Field] = {
    field.name: field for fields in SECTIONS.values() for field in _with_exact(fields)
}
"""Every field of a record by its name."""

EVENT_FLAGS: dict[str, int] = {name: field.flag for name, field in FIELDS.items() if field.flag}
"""Fields that are there and true where an exec record has this FLAG_… bit."""

CONDITIONS: dict[str, Condition] = {
    **{name: field.condition for name, field in FIELDS.items() if field.condition},
    **program.CONDITIONS,
}
"""What rules can ask for, by name."""
