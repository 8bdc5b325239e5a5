# SPDX-License-Identifier: Apache-2.0
"""Records read back from the systemd journal, as they were before they went there.

Owns the way from an entry's fields to the record (the reverse of `records.journal`), and reading
entries with python3-systemd. Which type a field has is told by the schema of the record.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from execaudit.errors import ExecauditError, InvalidArgument, NotConfigured
from execaudit.formats.schema import field_schemas, load_schema
from execaudit.records.journal import FLATTENED, MESSAGE_IDS, PREFIX
from execaudit.records.place import FieldDict

_TYPES = tuple(kind for kind in MESSAGE_IDS if kind != "failure")
_FOR_READERS = "cmdline"  # made of argv


class EntryReader:
    """Turns entries into records."""

    def __init__(self) -> None:
        self._schemas = field_schemas()
        definitions = load_schema("execaudit")["$defs"]
        self._orders = {kind: (*definitions[kind]["properties"],) for kind in _TYPES}

    def fields(self, entry: Mapping[str, Any]) -> FieldDict:
        """The record of an entry; raises ValueError where it was not written by execaudit."""
        found: FieldDict = {}
        for key, value in entry.items():
            name = key.removeprefix(PREFIX).lower()
            if not key.startswith(PREFIX) or name == _FOR_READERS:
                continue
            whole, _, member = name.partition("_")
            if whole in FLATTENED and member:
                schema = self._schemas[whole]["properties"].get(member, {})
                found.setdefault(whole, {})[member] = _read(name, schema, value)
            elif name not in self._schemas and name != "type":
                raise ValueError(f"has an unknown field {key!a}")
            else:
                found[name] = _read(name, self._schemas.get(name, {}), value)
        if found.get("type") not in _TYPES:
            raise ValueError("is not a record: its EXECAUDIT_TYPE is none of ours")
        order = dict.fromkeys((*self._orders[found["type"]], *found))
        return {name: found[name] for name in order if name in found}


def _read(name: str, schema: Mapping[str, Any], value: Any) -> Any:
    kind = schema.get("type")
    if name == "labels":
        return list(map(str, value)) if isinstance(value, list) else [str(value)]
    if not isinstance(value, str):
        raise ValueError(f"has a field that is repeated or not UTF-8: {name!a}")  # noqa: TRY004
    if kind == "integer":
        return int(value)
    if kind in ("array", "object") or "const" in schema:
        return json.loads(value)
    return value


def read_entries(matches: Sequence[str], directory: str | None) -> Iterator[Mapping[str, Any]]:
    """Entries of the journal that are records and match, oldest first.

    `matches` are FIELD=VALUE as journalctl takes them: of one field, one is enough; of several,
    each has to. `directory` holds the journal's files; None: this host's own.
    """
    try:
        journal = import_module("systemd.journal")
    except ImportError as error:
        raise NotConfigured(
            "Failed to read the journal: python3-systemd is not installed"
        ) from error
    for match in matches:
        if not match.partition("=")[0].strip() or "=" not in match:
            raise InvalidArgument(f"Failed to use match {match!a}: expected FIELD=VALUE")
    try:
        reader = journal.Reader(path=directory) if directory else journal.Reader()
        with reader:
            reader.data_threshold = 0  # whole fields; else they end after 64 KiB
            for match in matches:
                reader.add_match(match)
            if not any(match.startswith(f"{PREFIX}TYPE=") for match in matches):
                for kind in _TYPES:
                    reader.add_match(f"{PREFIX}TYPE={kind}")
            yield from reader
    except OSError as error:
        where = f" in '{directory}'" if directory else ""
        raise ExecauditError(f"Failed to read the journal{where}: {error.strerror}") from error
