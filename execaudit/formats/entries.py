# SPDX-License-Identifier: Apache-2.0
"""Records read back from the systemd journal, as they were before they went there.

Owns the way from an entry's fields to the record (the reverse of `records.journal`), and reading
entries with python3-systemd. The vocabulary says which kind a field has.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from execaudit.errors import ExecauditError, InvalidArgument, NotConfigured
from execaudit.records.journal import PREFIX
from execaudit.records.place import FieldDict
from execaudit.records.vocabulary import FIELDS, TYPES
from execaudit.records.vocabulary.kinds import Kind

_FOR_READERS = "cmdline"  # made of argv


def entry_fields(entry: Mapping[str, Any]) -> FieldDict:
    """Return the record of an entry; raises ValueError where it was not written by execaudit."""
    found: FieldDict = {}
    for key, value in entry.items():
        name = key.removeprefix(PREFIX).lower()
        if not key.startswith(PREFIX) or name == _FOR_READERS:
            continue
        if name in FIELDS:
            found[name] = _read(name, FIELDS[name].kind, value)
            continue
        outer, _, member = name.partition("_")
        if outer not in FIELDS or FIELDS[outer].kind.journal != "members":
            raise ValueError(f"has an unknown field {key!a}")
        kinds = dict(FIELDS[outer].kind.members)
        if member not in kinds:
            raise ValueError(f"has an unknown field {key!a}")
        found.setdefault(outer, {})[member] = _read(name, kinds[member], value)
    if found.get("type") not in TYPES:
        raise ValueError("is not a record: its EXECAUDIT_TYPE is none of ours")
    return {name: found[name] for name in FIELDS if name in found}


def _read(name: str, kind: Kind, value: Any) -> Any:
    if kind.journal == "repeated":
        return list(map(str, value)) if isinstance(value, list) else [str(value)]
    if not isinstance(value, str):
        raise ValueError(f"has a field that is repeated or not UTF-8: {name!a}")  # noqa: TRY004
    if kind.journal == "integer":
        return int(value)
    return json.loads(value) if kind.journal == "json" else value


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
                for kind in TYPES:
                    reader.add_match(f"{PREFIX}TYPE={kind}")
            yield from reader
    except OSError as error:
        where = f" in '{directory}'" if directory else ""
        raise ExecauditError(f"Failed to read the journal{where}: {error.strerror}") from error
