# SPDX-License-Identifier: Apache-2.0
"""Which fields of execs and exits an entry of the journal has.

Owns the choice that `[journal] fields` makes, by the journal's names in small letters: members of
`caps` and `ns` are fields of their own. Nothing leaves out what identifies an entry, how the exec
ended, what rules gave it and what is missing, nor any field of the daemon's own records.
"""

from execaudit.records.vocabulary import FIELDS, SECTIONS

REPEATED = tuple(name for name, field in FIELDS.items() if field.kind.journal == "repeated")
"""Lists that become a field of the journal for each element."""

FLATTENED = frozenset(name for name, field in FIELDS.items() if field.kind.journal == "members")

_ALWAYS = frozenset(
    field.name
    for section in ("every", "outcome", "rules", "missing", "exit")
    for field in SECTIONS[section]
    if field.name not in ("argv_b64", "env_b64")
) | {"id", "pid"}
_UNUSUAL = frozenset({"exe_dev", "exe_ino", "cgroup_id"})
"""Fields that "usual" leaves out: nobody searches by these alone, and few rules ask for them."""
_USUAL_MEMBERS = frozenset({"caps_effective"})


def member_names(name: str) -> list[str]:
    """Return the journal's names of a field: one, or one for each member."""
    if name not in FLATTENED:
        return [name]
    return [f"{name}_{member}" for member, _ in FIELDS[name].kind.members]


CHOICES = tuple(
    name
    for field in dict.fromkeys(
        field.name
        for section in ("every", "who", "what", "where", "outcome", "rules", "missing", "exit")
        for field in SECTIONS[section]
    )
    for name in (*member_names(field), *([field] if field in FLATTENED else []))
)
"""Names that a list may have. `caps` and `ns` stand for all of their members."""


def chosen_fields(fields: str | tuple[str, ...]) -> frozenset[str] | None:
    """Return the names of all fields that entries may have; None: all.

    `fields` is "all", "usual", or a list of names out of CHOICES.
    """
    if fields == "all":
        return None
    if fields == "usual":
        members = {name for field in FLATTENED for name in member_names(field)}
        names = frozenset(CHOICES) - _UNUSUAL - (members - _USUAL_MEMBERS)
    else:
        names = frozenset(name for field in fields for name in member_names(field)) | _ALWAYS
    return names | {f"{name}_b64" for name in names}
