# SPDX-License-Identifier: Apache-2.0
"""The kinds of values that fields have: in JSON, the journal, Elasticsearch and ClickHouse.

Owns each kind, once. The modules beside this one say which field has which kind.
"""

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """How a value looks, wherever it is written.

    `journal` is "text" (as it is), "integer" (decimal), "json" (JSON text), "members" (a field for
    each member) or "repeated" (a field for each element). `search` is a type of Elasticsearch, or
    "members": a type for each; "flattened": OpenSearch has no such type and leaves it unsearched;
    "unsearched": stored only, as an object; "bytes": stored only, as text.
    """

    schema: dict[str, Any]  # JSON Schema without `properties`, which come from `members`
    shown: str = "string"  # its type in words, for tables of documents
    journal: str = "text"
    column: str = "LowCardinality(String)"  # type of its column in ClickHouse
    search: str = "keyword"
    name: str = ""  # definition in the schema, where several fields share it
    members: tuple[tuple[str, "Kind"], ...] = ()  # of an object, or of the objects of an array
    required: tuple[str, ...] = ()  # members that are always there
    is_open: bool = False  # other members can occur


_TEXT: dict[str, Any] = {"type": "string"}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_U32: dict[str, Any] = {**_COUNT, "maximum": 2**32 - 1}
_HOOKS = ["exec", "exit", "execve", "execveat", "compat_execve", "compat_execveat"]
_SEVERITIES = ["debug", "info", "notice", "warning", "err", "crit", "alert", "emerg"]

NAME = Kind(_TEXT)
"""Text with few different values."""

TEXT = NAME._replace(column="String")
"""Text with many different values."""

_SECOND = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"


def _matching(pattern: str, description: str = "", **others: Any) -> Kind:
    """Return the kind of texts that match a pattern."""
    schema = {**_TEXT, "pattern": pattern}
    return Kind(schema | ({"description": description} if description else {}), **others)


TIME = _matching(
    rf"^{_SECOND}\.[0-9]{{9}}Z$", "RFC 3339, UTC, nanoseconds",
    column="Nullable(DateTime64(9, 'UTC'))", search="date", name="time",
)  # fmt: skip
ID = _matching(
    "^[0-9a-f]{12}-[0-9a-f]+-[0-9a-f]+-[0-9a-f]+$",
    "program image: boot, pid, start, exec counter", column="String", name="id",
)  # fmt: skip
BOOT = _matching("^[0-9a-f]{32}$")
HASH = _matching("^([0-9a-f]{64})?$", column="String", name="hash")
DECIMAL = _matching("^[0-9]+$", "64 bits, decimal", column="UInt64", name="number")
MASK = _matching("^[0-9a-f]{1,16}$", "64 bits, hexadecimal", column="String", name="mask")
DEVICE = _matching("^[0-9]+:[0-9]+$")
MODE = _matching("^[0-7]{7}$")
ERRNO = _matching("^E[A-Z0-9]+$")
SIGNAL = _matching("^SIG")
RESULT = Kind({"enum": ["success", "failure"]})
HOOK = Kind({"enum": _HOOKS}, name="hook")
SINK = Kind({"enum": ["file", "journal", "stdout"]})
ENGINE = Kind({"enum": ["libbpf", "bcc"]})
SEVERITY = Kind({"enum": _SEVERITIES}, name="severity")
EXACT = _matching("^[A-Za-z0-9+/]+={0,2}$", "base64", column="String", search="bytes", name="bytes")
"""Exact bytes of a text that was not valid UTF-8."""

U32 = Kind(_U32, "number", "integer", "UInt32", "long", "u32")
UNIX_ID = U32._replace(column="Nullable(UInt32)")
"""A user, group or session. 0 is one: absence needs a value of its own."""

PID = U32._replace(name="pid")
CPU = Kind(_COUNT, "number", "integer", "UInt16", "long")
COUNT = Kind(_COUNT, "number", "integer", "UInt64", "long")
SMALL_COUNT = COUNT._replace(column="UInt32")
INTEGER = Kind({"type": "integer"}, "number", "integer", "Int32", "long")
EXIT_CODE = Kind({**_COUNT, "maximum": 255}, "number", "integer", "Nullable(UInt8)", "long")
FLAG = Kind({"const": True}, "true", "json", "Bool", "boolean")
BOOLEAN = Kind({"type": "boolean"}, "boolean", "json", "Bool", "boolean")

_LIST: dict[str, Any] = {"type": "array", "items": _TEXT}
TEXTS = Kind(_LIST, "array of strings", "json", "Array(String)")
NAMES = TEXTS._replace(column="Array(LowCardinality(String))")
UNREADABLE = NAMES._replace(schema={**_LIST, "minItems": 1})
LABELS = UNREADABLE._replace(journal="repeated")
TECHNIQUES = LABELS._replace(
    schema={**_LIST, "items": {**_TEXT, "pattern": r"^T[0-9]{4}(\.[0-9]{3})?$"}, "minItems": 1}
)
FIRST_SEEN_WORDS = ("exe", "file", "pair", "user")
FIRST_SEEN = NAMES._replace(
    schema={"type": "array", "items": {"enum": list(FIRST_SEEN_WORDS)}, "minItems": 1}
)


def _object(*members: tuple[str, Kind], **others: Any) -> Kind:
    """Return the kind of an object that is kept as JSON text and not searched."""
    kind = Kind({"type": "object"}, "object", "json", "String", "unsearched", members=members)
    return kind._replace(**others)


def _columns(kind: Kind, names: str) -> Kind:
    """Return the kind of an object whose members, all of one kind, have columns of their own."""
    members = [(name, kind) for name in names.split()]
    return _object(*members, journal="members", column="Tuple", search="members")


CAPS = _columns(MASK, "permitted effective inheritable ambient bounding")
NAMESPACES = _columns(U32, "mnt pid net user cgroup uts ipc")
ANCESTORS = _object(
    ("id", ID), ("pid", PID), ("start", TIME), ("comm", TEXT), ("comm_b64", EXACT),
    schema={"type": "array", "maxItems": 8}, shown="array", column="Array(Tuple)",
    search="members", required=("id", "pid", "start"),
)  # fmt: skip
MARK = _object(
    ("time", TIME), ("cpu", CPU), ("hook", HOOK), ("seq", COUNT),
    search="members", name="mark", required=("time", "cpu", "hook", "seq"),
)  # fmt: skip
GAP = _object(
    ("first", TIME), ("last", TIME), ("ended", Kind({"enum": ["stop", "crash"]})),
    ("rebooted", FLAG), ("traced", BOOLEAN), ("events", COUNT), ("lost", COUNT),
    ("repeated", COUNT), ("why", TEXT), required=("traced",),
)  # fmt: skip
SHORT_HASH = _matching("^[0-9a-f]{16}$")
SIGNATURE = _matching("^[0-9a-f]{128}$", column="String", search="bytes")
COVERS = _object(
    ("lines", COUNT), ("bytes", COUNT), ("first", TIME), ("last", TIME), ("apart", FLAG),
    ("missing", _object(("first", COUNT), ("last", COUNT), required=("first", "last"))),
    ("shortened", _object(("from", COUNT), ("to", COUNT), required=("from", "to"))),
    required=("lines", "bytes"),
)  # fmt: skip
REMOVED = _object(
    ("before", COUNT), ("chain", SHORT_HASH), ("files", TEXTS), required=("before",)
)  # fmt: skip
CERTIFICATE = _object(
    ("period", COUNT), ("key", HASH), ("signature", SIGNATURE), ("seal_key", HASH),
    required=("period", "key", "signature", "seal_key"),
)  # fmt: skip
RECORD = _object(is_open=True)
COUNTS = _object(schema={"type": "object", "additionalProperties": _COUNT}, is_open=True)

_CUT = _object(
    ("index", Kind({"type": "integer", "minimum": -1}, "number")),
    ("missing_bytes", COUNT),
    ("missing_args", COUNT),
    ("reason", Kind({"enum": ["budget", "ring", "unreadable", "display", "line", "limit"]})),
    name="gap",
    required=("reason",),
)
_CUT_LIST = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/gap"}}
_CUT_BLOCK = Kind({"anyOf": [_CUT_LIST, {"const": True}]}, name="cut")
TRUNCATED = _object(
    ("argv", _CUT_BLOCK),
    ("env", _CUT_BLOCK),
    schema={"type": "object", "minProperties": 1, "additionalProperties": {"const": True}},
    search="flattened",
    is_open=True,
)
_INDEXES = Kind({"type": "array", "items": _COUNT, "minItems": 1}, "array")
REDACTED = _object(
    ("argv", _INDEXES), ("env", _INDEXES),
    schema={"type": "object", "minProperties": 1}, search="flattened",
)  # fmt: skip
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
"""Definitions of the schema that are no field's own kind."""
