# SPDX-License-Identifier: Apache-2.0
"""The form of a declaration: a field of a record, and how a rule can ask for it.

Owns both, and the conditions that several fields share. The modules beside this one declare the
fields.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from execaudit.records.vocabulary.kinds import Kind

TYPES = (
    "exec", "exit", "lost", "start", "stop", "config", "repair", "summary", "seal", "program",
)  # fmt: skip
"""Types of records."""

OWN = "(own)"
"""Target: it stays as it is, by its own name, under `execaudit` in ECS, `unmapped` in OCSF."""

OWN_OR_TEXT = "(own, or text)"
"""The same, as text where OCSF's integers do not hold it."""


class Condition(NamedTuple):
    """How a rule asks for a field."""

    kind: str  # which function of `rules.conditions` reads its value
    what: str = "a text"  # what a plain value is, for messages
    note: str = ""  # what docs/conditions.md says of it; empty: it is as in the record
    is_path: bool = False  # wildcards other than ** stop at "/"
    is_absolute: bool = False  # a path that always begins with "/"
    is_short: bool = False  # at most what the kernel keeps of a short name
    is_name: bool = False  # of a file, and has no "/"
    can_be_absent: bool = False  # `true` and `false` ask whether it is there at all
    is_of_event: bool = False  # differs between execs of the same place
    absent: int | None = None  # number that a record leaves out


class Field(NamedTuple):
    """One member of a record.

    `name` is its name in JSON; in the journal it is EXECAUDIT_ and the name in capitals. A field
    with `is_bytes` can hold any bytes: where these are not valid UTF-8, it is repaired text, and
    the field `<name>_b64` has the exact bytes.
    """

    name: str
    kind: Kind
    meaning: str  # for docs/record.md and the schema, in Markdown
    types: tuple[str, ...] = ("exec",)  # types of records that it occurs in
    required: tuple[str, ...] = ()  # the types in which it always is
    meanings: Mapping[str, str] = MappingProxyType({})  # what else it means in records of a type
    is_member: bool = False  # it is the member of its name of struct exec_record as it stands
    omitted: int | None = None  # value of the member that says nothing: the field is left out
    unreadable: int = 0  # FLAG_BAD_… bit of an exec record in which it could not be read
    cut: int = 0  # FLAG_CUT_… bit of an exec record in which a part of it is missing
    flag: int = 0  # FLAG_… bit of an exec record with which it is there and true
    is_bytes: bool = False
    condition: Condition | None = None  # how rules ask for it; None: they cannot
    ecs: tuple[str, ...] = (OWN,)  # where it goes in ECS; OWN among others: in some records
    ocsf: tuple[str, ...] = (OWN,)  # the same in OCSF
    cim: str = ""  # Splunk's name for it in the Common Information Model
    column: str = ""  # ClickHouse's type and default, where they differ from the kind's


USER = Condition("user", 'a user id, a range such as "1000-60000", or the name of a user')
GROUP = Condition("group", 'a group id, a range such as "100-999", or the name of a group')
NUMBER = Condition("number", 'a number or a range such as "2-10" or "100-"')
TEXT = Condition("text")
SOME_TEXT = TEXT._replace(can_be_absent=True)
SHORT_NAME = Condition(
    "text",
    "a short name",
    "at most 15 bytes. Every process chooses its own: never drop by it alone",
    is_short=True,
)
PATH = Condition("text", "a path", is_path=True)
ABSOLUTE_PATH = PATH._replace(is_absolute=True)
FLAG = Condition("flag", "true or false")
