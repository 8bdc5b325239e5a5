# SPDX-License-Identifier: Apache-2.0
"""Execs of the usual kind in another schema, fast: a template per place, filled in per exec.

Owns the templates. On first sight of a place (program, credentials, surroundings) the adapter of
the schema is run once over the record with placeholders for what differs from exec to exec; its
JSON, cut at the placeholders, is the template. So the mapping is written down once, in the
adapter, and a test holds both ways to the same bytes. Whatever is unusual is left to the adapter.
"""

import re
import secrets
from collections.abc import Callable
from operator import itemgetter
from typing import Any

from execaudit.formats.slots import Slot, parent_start, to_entities
from execaudit.records.fields import FieldDict, ancestor_fields, exec_fields, select_env
from execaudit.records.fragments import PLACES_BYTES, Fragments, Seconds, json_strings
from execaudit.records.host import Host
from execaudit.records.text import dumps
from execaudit.records.view import View, split_place
from execaudit.wire.decode import split

Adapter = Callable[[FieldDict], FieldDict]
Values = tuple[bytes | int, ...]
Template = tuple[bytes, Callable[[Values], Values]]
Added = tuple[tuple[str, ...], str, tuple[int, ...]]
"""What is added to a record: labels, severity, indices of redacted arguments."""

NOTHING: Added = ((), "", ())
_KEPT_BYTES = 4 << 20
_ENTRY_BYTES = 400  # what Python needs for one
_SEQ_MAX = 2**31 - 1  # beyond it a schema may want it as text

_NUMBERS = ("cpu", "seq", "pid", "tid", "nspid", "argc", "time_ms", "start_ms")
_TEXTS = ("time", "id", "argv", "argv_words", "start")
_PARENT = ("parent_id", "ppid", "pcomm", "ancestors")
_PARENTS = (*_PARENT, "ancestors_start", "ancestors_entities")
_VALUES = (*_NUMBERS, *_TEXTS, *_PARENTS)
"""What is filled in, in this order: fields, and what `slots` makes of them."""
_SLOTS = ("time", "cpu", "seq", "id", "pid", "tid", "nspid", "argv", "argc", "start", *_PARENT)
_NO_PARENTS = (b"",) * len(_PARENTS)
_INDEX = {name: index for index, name in enumerate(_VALUES)}


class TemplateEncoder:
    """Encodes exec records of the usual kind for one host, as `adapt` would have them."""

    def __init__(self, host: Host, env_names: tuple[bytes, ...], adapt: Adapter) -> None:
        self._host = host
        self._env_names = env_names
        self._adapt = adapt
        self._token = f"slot{secrets.token_hex(8)}"  # nobody can put it into a record
        self._slots = {name: Slot(self._token, name) for name in _SLOTS}
        token = self._token.encode()
        self._marks = re.compile(rb'"%b:(\w+);"|%b:(\w+);' % (token, token))
        self._seconds = Seconds()
        self._boot = host.boot[:12].encode()
        self._parents = Fragments(self._make_parents)
        self._env = Fragments(self._select_env)
        self._places: Fragments[tuple[bytes, ...]] = Fragments(self._split, PLACES_BYTES)
        self._templates: dict[Any, Template] = {}
        self._bytes = 0

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        self._parents.clear()
        self._places.clear()
        self._clear()

    def _clear(self) -> None:
        self._templates.clear()
        self._bytes = 0

    def encode_view(
        self, head: tuple[int, ...], view: View, source: tuple[bytes, int], added: Added = NOTHING
    ) -> bytes | None:
        """One line for a usual exec record, or None if it has to go the long way.

        `head` is its unpacked header; it lies in a buffer at an offset, the `source`.
        """
        _, _, _, hook, _, seq, time_ns, cpu, _, _ = head
        flags, error, argc, pid, tid, start_ns, exec_count, nspid, place, block, env = view
        argv = json_strings(block) if block else None
        parts = self._places[place]
        if argv is None or parts is None or seq > _SEQ_MAX:
            return None
        parents = parts[1:]
        key = (
            parts[0], self._env[env] if env else b"", hook, error, flags, tid == pid, nspid == pid,
            added,
        )  # fmt: skip
        made = self._templates.get(key) or self._make(source, key, has_parents=bool(parents))
        if made is None:
            return None
        template, choose = made
        seconds = self._seconds
        offset = self._host.wall_offset_ns
        second, fraction = divmod(time_ns + offset, 1_000_000_000)
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        return template % choose(
            (
                cpu, seq, pid, tid, nspid, argc, second * 1000 + fraction // 1_000_000,
                start_second * 1000 + start_fraction // 1_000_000,
                b'"%b.%09dZ"' % (seconds[second], fraction),
                b'"%b-%x-%x-%x"' % (self._boot, pid, start_ns, exec_count),
                argv, b'"' + argv[2:-2].replace(b'","', b" ") + b'"',
                b'"%b.%09dZ"' % (seconds[start_second], start_fraction),
                *(parents or _NO_PARENTS),
            )
        )  # fmt: skip

    def _make_parents(self, raw: bytes) -> tuple[bytes, ...] | None:
        """What is filled in of ancestors; None where the usual is missing, or not UTF-8."""
        fields = ancestor_fields(raw, self._host)
        ancestors = fields.get("ancestors", ())
        if "pcomm" not in fields or any("b64" in one for one in ancestors):
            return None
        start = parent_start(ancestors)
        values = (*(fields[name] for name in _PARENT), start, to_entities(ancestors))
        return tuple(dumps(value) for value in values)

    def _split(self, place: bytes) -> tuple[bytes, ...]:
        """What of a place a template is for, then what is filled in of ancestors, if anything."""
        ancestors, strings = split_place(place)
        parents = self._parents[ancestors]
        if parents is None:
            return (place,)
        core = place[: len(place) - sum(map(len, strings)) - len(ancestors)] + b"".join(strings)
        return (core, *parents)

    def _select_env(self, env: bytes) -> bytes:
        if not any(name in env for name in self._env_names):
            return b""
        return b"\0".join(select_env(env.split(b"\0"), self._env_names))

    def _make(self, source: tuple[bytes, int], key: Any, *, has_parents: bool) -> Template | None:
        parts = split(*source)
        if parts is None:
            return None
        fields = exec_fields(parts, [], self._host, self._env_names)
        if "argv_b64" in fields or "argv" in fields.get("truncated", {}):
            return None
        labels, severity, touched = key[-1]
        if touched:
            fields["redacted"] = {"argv": list(touched)}
        if labels:
            fields["labels"] = list(labels)
        if severity:
            fields["severity"] = severity
        of_parents = () if has_parents else _PARENT  # those are part of the template
        fields |= {
            name: slot
            for name, slot in self._slots.items()
            if name in fields and name not in of_parents
        }
        pieces = self._marks.split(dumps(self._adapt(fields)) + b"\n")
        return self._keep(key, _compile(pieces))

    def _keep(self, key: Any, template: Template) -> Template:
        self._bytes += len(template[0]) + len(key[0]) + len(key[1]) + _ENTRY_BYTES
        if self._bytes > _KEPT_BYTES:
            self._clear()
        self._templates[key] = template
        return template


def _compile(pieces: list[bytes]) -> Template:
    """From text, slot with quotes, slot within a string, text, …: a format and its values."""
    form = bytearray(pieces[0].replace(b"%", b"%%"))
    chosen: list[int] = []
    for whole, inner, text in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        index = _INDEX[(whole or inner).decode()]
        chosen.append(index)
        form += b"%d" if index < len(_NUMBERS) else b"%b"
        form += text.replace(b"%", b"%%")
    return bytes(form), itemgetter(*chosen)
