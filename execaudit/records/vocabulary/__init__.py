# SPDX-License-Identifier: Apache-2.0
"""The vocabulary: every field of a record, declared once (docs/record.md).

`./dev generate` makes the JSON Schema, the tables of the guides and the files of packaging/siem of
it. The program reads from it what rules can ask for, and what comes back from the journal. The
modules of this package declare the fields; this one puts them together.
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
    """Return the name of the field with the exact bytes of a field that is not UTF-8."""
    return f"{name}_b64"


def _with_exact(fields: tuple[Field, ...]) -> Iterator[Field]:
    """Yield fields, each that can hold any bytes followed by the field of its exact bytes."""
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
"""FLAG_… bits by the field that is true where an exec record has the bit, and else left out."""

CONDITIONS: dict[str, Condition] = {
    **{name: field.condition for name, field in FIELDS.items() if field.condition},
    **program.CONDITIONS,
}
"""How rules ask for a field, by the name they use."""
