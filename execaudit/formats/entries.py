# SPDX-License-Identifier: Apache-2.0
"""Records read back from the systemd journal, as they were before they went there.

Owns the way from an entry's fields to the record (the reverse of `records.journal`), which entries
are the daemon's own, and reading them with python3-systemd. The vocabulary has the kind of each
field.
"""

import json
import pwd
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any, NamedTuple

from execaudit.config.files import SERVICE_USER
from execaudit.errors import ExecauditError, InvalidArgument, NoPermission, NotConfigured
from execaudit.records.journal import PREFIX
from execaudit.records.text import FieldDict
from execaudit.records.vocabulary import FIELDS, TYPES
from execaudit.records.vocabulary.kinds import Kind

SERVICE_UNIT = "execaudit.service"
_FOR_READERS = "cmdline"  # made of argv


def entry_fields(entry: Mapping[str, Any]) -> FieldDict:
    """Return the record of an entry. Raises ValueError if execaudit did not write it."""
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
    if kind.journal != "json":
        return value
    try:
        return json.loads(value)
    except RecursionError:
        raise ValueError(f"has a field that is nested too deeply: {name!a}") from None


def genuine_matches() -> Iterator[str]:
    """Yield fields that journald adds to entries of the daemon and of root, and to no others."""
    yield f"_SYSTEMD_UNIT={SERVICE_UNIT}"
    yield "_UID=0"
    try:
        yield f"_UID={pwd.getpwnam(SERVICE_USER).pw_uid}"
    except KeyError:
        return


class EntryChoice(NamedTuple):
    """The entries to read, and their journal.

    Attributes:
        matches: FIELD=VALUE as journalctl takes them: one match of each field must hold.
        directory: of the journal's files; "" for this host's own.
        namespace: the journal's (systemd-journald(8)); "" for the default one.
        untrusted: also entries that anybody can have written.

    """

    matches: Sequence[str] = ()
    directory: str = ""
    namespace: str = ""
    untrusted: bool = False


def read_entries(choice: EntryChoice) -> Iterator[Mapping[str, Any]]:
    """Yield the entries that are records and match, oldest first. Raises ExecauditError."""
    try:
        journal = import_module("systemd.journal")
    except ImportError as error:
        raise NotConfigured(
            "Failed to read the journal: python3-systemd is not installed"
        ) from error
    for match in choice.matches:
        if not match.partition("=")[0].strip() or "=" not in match:
            raise InvalidArgument(f"Failed to use match {match!a}: expected FIELD=VALUE")
    options = {"path": choice.directory, "namespace": choice.namespace}
    try:
        with journal.Reader(**{name: value for name, value in options.items() if value}) as reader:
            reader.data_threshold = 0  # whole fields; else they end after 64 KiB
            _match(reader, choice)
            yield from reader
    except OSError as error:
        where = f" in '{choice.directory}'" if choice.directory else ""
        named = f" '{choice.namespace}'" if choice.namespace else ""
        kind = NoPermission if isinstance(error, PermissionError) else ExecauditError
        raise kind(f"Failed to read the journal{named}{where}: {error.strerror}") from error


def _match(reader: Any, choice: EntryChoice) -> None:
    if not choice.untrusted:
        for index, genuine in enumerate(genuine_matches()):
            if index:
                reader.add_disjunction()
            reader.add_match(genuine)
        reader.add_conjunction()
    for match in choice.matches:
        reader.add_match(match)
    if not any(match.startswith(f"{PREFIX}TYPE=") for match in choice.matches):
        for kind in TYPES:
            reader.add_match(f"{PREFIX}TYPE={kind}")
