# SPDX-License-Identifier: Apache-2.0
"""The forms that values of fields have: in JSON, in the journal, in Elasticsearch and ClickHouse.

Owns each form once, under its name. Which field has which form, the modules beside this one say.
"""

from typing import Any, NamedTuple


class Form(NamedTuple):
    """How a value looks, wherever it is written.

    Attributes:
        schema: JSON Schema of the value; without `properties`, which come from `members`.
        shown: its type in words, for tables of documents.
        journal: how an entry of the journal has it: "text" (usual text), "integer" (decimal),
            "json" (JSON text), "members" (a field for each member), "repeated" (a field for each
            element).
        column: type of its column in ClickHouse.
        search: its type in Elasticsearch; "members": each its own; "flattened": OpenSearch has no
            such type and leaves it unsearched; "unsearched": stored only, as object; "bytes":
            stored only, as text.
        name: definition in the schema, where several fields share it.
        members: of an object, or of the objects of an array: name and form.
        required: members that are always there.
        is_open: other members can occur.

    """

    schema: dict[str, Any]
    shown: str = "string"
    journal: str = "text"
    column: str = "LowCardinality(String)"
    search: str = "keyword"
    name: str = ""
    members: tuple[tuple[str, "Form"], ...] = ()
    required: tuple[str, ...] = ()
    is_open: bool = False


_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_U32: dict[str, Any] = {**_COUNT, "maximum": 2**32 - 1}
_HOOKS = ["exec", "exit", "execve", "execveat", "compat_execve", "compat_execveat"]
_SEVERITIES = ["debug", "info", "notice", "warning", "err", "crit", "alert", "emerg"]

NAME = Form(_TEXT)
"""Text with few different values."""

TEXT = NAME._replace(column="String")
"""Text with many different values."""

TIME = Form(
    {
        "type": "string",
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z$",
        "description": "RFC 3339, UTC, nanoseconds",
    },
    column="Nullable(DateTime64(9, 'UTC'))",
    search="date",
    name="time",
)
ID = Form(
    {
        "type": "string",
        "pattern": "^[0-9a-f]{12}-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$",
        "description": "program image: boot, pid, start, exec counter",
    },
    column="String",
    name="id",
)
BOOT = Form({**_TEXT, "pattern": "^[0-9a-f]{32}$"})
HASH = Form({**_TEXT, "pattern": "^([0-9a-f]{64})?$"}, column="String", name="hash")
DECIMAL = Form(
    {**_TEXT, "pattern": "^[0-9]+$", "description": "64 bits, decimal"},
    column="UInt64",
    name="number",
)
MASK = Form(
    {**_TEXT, "pattern": "^[0-9a-f]{1,16}$", "description": "64 bits, hexadecimal"},
    column="String",
    name="mask",
)
DEVICE = Form({**_TEXT, "pattern": "^[0-9]+:[0-9]+$"})
MODE = Form({**_TEXT, "pattern": "^[0-7]{7}$"})
ERRNO = Form({**_TEXT, "pattern": "^E[A-Z0-9]+$"})
SIGNAL = Form({**_TEXT, "pattern": "^SIG"})
RESULT = Form({"enum": ["success", "failure"]})
HOOK = Form({"enum": _HOOKS}, name="hook")
SINK = Form({"enum": ["file", "journal", "stdout"]})
ENGINE = Form({"enum": ["libbpf", "bcc"]})
SEVERITY = Form({"enum": _SEVERITIES}, name="severity")
EXACT = Form(
    {**_TEXT, "pattern": "^[A-Za-z0-9+/]+={0,2}$", "description": "base64"},
    column="String",
    search="bytes",
    name="bytes",
)
"""Exact bytes of a text that was not valid UTF-8."""

U32 = Form(_U32, "number", "integer", "UInt32", "long", "u32")
UNIX_ID = U32._replace(column="Nullable(UInt32)")
"""A user, group or session: 0 is one, so that absence needs a value of its own."""

PID = U32._replace(name="pid")
CPU = Form(_COUNT, "number", "integer", "UInt16", "long")
COUNT = Form(_COUNT, "number", "integer", "UInt64", "long")
SMALL_COUNT = COUNT._replace(column="UInt32")
INTEGER = Form({"type": "integer"}, "number", "integer", "Int32", "long")
EXIT_CODE = Form({**_COUNT, "maximum": 255}, "number", "integer", "Nullable(UInt8)", "long")
FLAG = Form({"const": True}, "true", "json", "Bool", "boolean")
BOOLEAN = Form({"type": "boolean"}, "boolean", "json", "Bool", "boolean")

_LIST: dict[str, Any] = {"type": "array", "items": _TEXT}
TEXTS = Form(_LIST, "array of strings", "json", "Array(String)")
NAMES = TEXTS._replace(column="Array(LowCardinality(String))")
UNREADABLE = NAMES._replace(schema={**_LIST, "minItems": 1})
LABELS = UNREADABLE._replace(journal="repeated")


def _object(*members: tuple[str, Form], **others: Any) -> Form:
    """Return the form of an object that is kept as JSON text and not searched."""
    form = Form({"type": "object"}, "object", "json", "String", "unsearched", members=members)
    return form._replace(**others)


CAPS = _object(
    *((name, MASK) for name in ("permitted", "effective", "inheritable", "ambient", "bounding")),
    journal="members",
    column="Tuple",
    search="members",
)
NAMESPACES = _object(
    *((name, U32) for name in ("mnt", "pid", "net", "user", "cgroup", "uts", "ipc")),
    journal="members",
    column="Tuple",
    search="members",
)
ANCESTORS = _object(
    ("id", ID),
    ("pid", PID),
    ("start", TIME),
    ("comm", TEXT),
    ("comm_b64", EXACT),
    schema={"type": "array", "maxItems": 8},
    shown="array",
    column="Array(Tuple)",
    search="members",
    required=("id", "pid", "start"),
)
MARK = _object(
    ("time", TIME),
    ("cpu", CPU),
    ("hook", HOOK),
    ("seq", COUNT),
    search="members",
    name="mark",
    required=("time", "cpu", "hook", "seq"),
)
GAP = _object(
    ("first", TIME),
    ("last", TIME),
    ("ended", Form({"enum": ["stop", "crash"]})),
    ("rebooted", FLAG),
    ("traced", BOOLEAN),
    ("events", COUNT),
    ("lost", COUNT),
    ("repeated", COUNT),
    ("why", TEXT),
    required=("traced",),
)
RECORD = _object(is_open=True)
SHORT_HASH = Form({**_TEXT, "pattern": "^[0-9a-f]{16}$"})
SIGNATURE = Form({**_TEXT, "pattern": "^[0-9a-f]{128}$"}, column="String", search="bytes")
COVERS = _object(
    ("lines", COUNT),
    ("bytes", COUNT),
    ("first", TIME),
    ("last", TIME),
    ("apart", FLAG),
    ("missing", _object(("first", COUNT), ("last", COUNT), required=("first", "last"))),
    ("shortened", _object(("from", COUNT), ("to", COUNT), required=("from", "to"))),
    required=("lines", "bytes"),
)
REMOVED = _object(("before", COUNT), ("files", TEXTS), required=("before",))
CERTIFICATE = _object(
    ("period", COUNT), ("key", HASH), ("signature", SIGNATURE), ("seal_key", HASH),
    required=("period", "key", "signature", "seal_key"),
)  # fmt: skip
COUNTS = _object(schema={"type": "object", "additionalProperties": _COUNT}, is_open=True)

_CUT = _object(
    ("index", Form({"type": "integer", "minimum": -1}, "number")),
    ("missing_bytes", COUNT),
    ("missing_args", COUNT),
    ("reason", Form({"enum": ["budget", "ring", "unreadable", "display", "line"]})),
    name="gap",
    required=("reason",),
)
_CUT_BLOCK = Form(
    {
        "anyOf": [
            {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/gap"}},
            {"const": True},
        ]
    },
    name="cut",
)
TRUNCATED = _object(
    ("argv", _CUT_BLOCK),
    ("env", _CUT_BLOCK),
    schema={"type": "object", "minProperties": 1, "additionalProperties": {"const": True}},
    search="flattened",
    is_open=True,
)
_INDEXES = Form({"type": "array", "items": _COUNT, "minItems": 1}, "array")
REDACTED = _object(
    ("argv", _INDEXES),
    ("env", _INDEXES),
    schema={"type": "object", "minProperties": 1},
    search="flattened",
)
EXACT_ELEMENTS = _object(
    schema={
        "type": "object",
        "propertyNames": {"pattern": "^(0|[1-9][0-9]*)$"},
        "additionalProperties": {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"},
    },
    is_open=True,
)
"""From the index of an element of a list to its exact bytes in base64."""

SHARED = (_CUT,)
"""Definitions that no field has directly."""
