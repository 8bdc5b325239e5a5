# SPDX-License-Identifier: Apache-2.0
"""Encoders: Events become bytes of one schema, by templates that are remembered.

Owns what is filled into a template, and which events share one: same place, same shape.
An event with odd members (cut, unreadable, not UTF-8) is rendered whole.
"""

import os
import re
from collections.abc import Callable
from typing import Any

from execaudit.records.host import Host, second_text
from execaudit.records.record import record_fields
from execaudit.records.template import Filling, Format, Placeholder, Template
from execaudit.records.text import SAFE, FieldDict, dumps, json_strings
from execaudit.records.vocabulary import EVENT_FLAGS
from execaudit.wire import record
from execaudit.wire.event import Event, Place
from execaudit.wire.places import core_of

Render = Callable[[FieldDict], bytes]
Shape = tuple[Any, ...]

_SECONDS_LIMIT = 256
_TEMPLATES_BYTES = 2 << 20
_TEMPLATE_BYTES = 600  # about what Python takes for one, beside its text
_FORMATS_BYTES = 2 << 20
_MADE_LIMIT = 8  # entries of one place, of encoders and of their past
_HAS_BYTES = re.compile(r"\\x[89a-f]").search  # in `pcmdline`, what is no UTF-8
_EVENT_FLAGS = sum(EVENT_FLAGS.values())

_VALUES = (
    "second", "fraction", "cpu", "seq", "pid", "tid", "nspid", "argc", "start_second",
    "start_fraction", "start_ns", "exec_count", "argv", "env", "path_search", "duration_ns",
)  # fmt: skip
"""What is filled in for each event, in this order; behind it comes what an encoder derives."""
_PARENTS = ("parent_id", "ppid", "pcomm", "ancestors", "pexe", "pcmdline")
_TEXTS_OF_PARENTS = ("parent_id", "pcomm", "pexe")
_OPTIONAL = ("pexe", "pcmdline", "truncated")
_NUMBERS = ("cpu", "seq", "pid", "tid", "nspid", "argc", "duration_ns")
_JSON = ("argv", "env", "path_search")


class Encoder:
    """Makes the bytes of records in one schema, for one host.

    `render` makes the bytes of a record's fields.
    """

    format: str  # name of the schema, as the configuration has it; "journal" for entries
    # Further values, which `derive` makes: name, `%d` or `%b`, and True where it stays inside the
    # quotes of a JSON string.
    derived: tuple[tuple[str, bytes, bool], ...] = ()
    derived_of_parents: tuple[tuple[str, bool], ...] = ()  # the same of a place

    def __init__(self, host: Host, render: Render) -> None:
        self._host = host
        self._render = render
        self._token = f"value{os.urandom(8).hex()}"  # nobody can put it into a record
        self._fillings = self._list_fillings()
        self._seconds = _Seconds()
        self._cores: dict[bytes, dict[Shape | None, Template]] = {}
        self._bytes = 0
        self._key = object()  # under which places keep what was made of them
        self._bound: list[dict[Shape | None, Format]] = []  # formats of places that have any
        self._bound_bytes = 0

    def follow_host(self) -> None:
        """Forget all templates: the host has another name, clock or users now."""
        for templates in self._cores.values():
            templates.clear()
        self._cores.clear()
        self._bytes = 0
        self._key = object()
        self._forget_formats()

    def _forget_formats(self) -> None:
        for formats in self._bound:
            formats.clear()
        self._bound.clear()
        self._bound_bytes = 0

    def encode_fields(self, fields: FieldDict) -> bytes:
        """Return the bytes of a record of the daemon's own."""
        return self._render(fields)

    def encode(self, event: Event) -> bytes:
        """Return the bytes of an exec or exit."""
        made = event.place.made.get(self._key)
        if made is None:
            made = self._make(event.place)
        shape = None if event.is_plain else shape_of(event)
        argv = None if event.argv is None else json_strings(event.argv)
        env = path_search = duration_ns = None
        if shape is not None:
            env = path_search = b""
            if event.type == "exit":
                duration_ns = event.duration_ns
            elif event.env:
                env = json_strings(event.env)
            if event.path_search:
                path_search = json_strings(b"\0".join(event.path_search) + b"\0")
            if env is None or path_search is None or not shape:
                return self._render(record_fields(event, self._host))
        if argv is None:
            return self._render(record_fields(event, self._host))
        made_format = made.formats.get(shape)
        form, choose = self._bind(event, shape, made) if made_format is None else made_format
        seconds, offset = self._seconds, self._host.wall_offset_ns
        second, fraction = divmod(event.time_ns + offset, 1_000_000_000)
        start_ns = event.start_ns
        start_second, start_fraction = divmod(start_ns + offset, 1_000_000_000)
        values: tuple[Any, ...] = (
            seconds[second], fraction, event.cpu, event.seq, event.pid, event.tid, event.nspid,
            event.argc, seconds[start_second], start_fraction, start_ns, event.exec_count,
            argv, env, path_search, duration_ns,
        )  # fmt: skip
        if self.derived:
            values += self.derive(event, argv)
        return form % choose(values)

    def derive(self, event: Event, argv: bytes) -> tuple[Any, ...]:
        """Return the values of `derived`; `argv` is the JSON array of the arguments."""
        raise NotImplementedError

    def derive_of_parents(self, fields: FieldDict) -> tuple[bytes, ...]:
        """Return the values of `derived_of_parents`, of the fields of a place."""
        raise NotImplementedError

    def parent_command(self, text: str) -> bytes:
        """Return `pcmdline` as the text has it where it stands."""
        return dumps(text)

    # -- templates ----------------------------------------------------------------------------

    def _list_fillings(self) -> dict[str, Filling]:
        at = {name: index for index, name in enumerate(_VALUES)}
        fillings = {
            **{name: Filling(b"%d", (at[name],)) for name in _NUMBERS},
            **{name: Filling(b"%b", (at[name],)) for name in _JSON},
            "time": Filling(b"%b.%09dZ", (at["second"], at["fraction"]), is_text=True),
            "start": Filling(b"%b.%09dZ", (at["start_second"], at["start_fraction"]), is_text=True),
            "id": Filling(
                self._host.boot[:12].encode() + b"-%x-%x-%x",
                (at["pid"], at["start_ns"], at["exec_count"]),
                is_text=True,
            ),
        }
        for index, (name, form, is_text) in enumerate(self.derived, start=len(_VALUES)):
            fillings[name] = Filling(form, (index,), is_text=is_text)
        # What belongs to parents has negative indexes: it is put in for good, once for each place.
        parents = ((name, name in _TEXTS_OF_PARENTS) for name in _PARENTS)
        for index, (name, is_text) in enumerate((*parents, *self.derived_of_parents), start=1):
            fillings[name] = Filling(b"%b", (-index,), is_text=is_text)
        return fillings

    def _make(self, place: Place) -> "_Made":
        fields = place.fields
        core = core_of(place) + bytes(name in fields for name in _OPTIONAL)
        templates = self._cores.get(core)
        if templates is None:
            self._grow(len(core))
            templates = self._cores[core] = {}
        parents: tuple[bytes, ...] = ()
        if place.type == "exit" and not place.flags:
            parents = (fields["parent_id"].encode(), b"%d" % fields["ppid"])
        elif _has_plain_parents(fields):
            command = fields.get("pcmdline", "")
            parents = (
                fields["parent_id"].encode(), b"%d" % fields["ppid"], fields["pcomm"].encode(),
                dumps(fields["ancestors"]), fields.get("pexe", "").encode(),
                self.parent_command(command) if command else b"",
            )  # fmt: skip
            if self.derived_of_parents:
                parents += self.derive_of_parents(fields)
        else:  # they are part of the template, which then serves this place alone
            templates = {}
        if len(place.made) >= _MADE_LIMIT:
            place.made.clear()
        fixed = {-index: value for index, value in enumerate(parents, start=1)}
        made = place.made[self._key] = _Made(templates, fixed)
        return made

    def _bind(self, event: Event, shape: Shape | None, made: "_Made") -> Format:
        """Return the format of events of a place and shape."""
        template = made.templates.get(shape)
        if template is None:
            fields = record_fields(event, self._host)
            for name in self._fillings:
                if name in fields and (made.parents or name not in _PARENTS):
                    fields[name] = Placeholder(self._token, name)
            template = Template(self._render(fields), self._token, self._fillings)
            self._grow(template.size)
            made.templates[shape] = template
        form = template.bind(made.parents)
        self._bound_bytes += len(form.form) + _TEMPLATE_BYTES
        if self._bound_bytes > _FORMATS_BYTES:
            self._forget_formats()
        if not made.formats:
            self._bound.append(made.formats)
        made.formats[shape] = form
        return form

    def _grow(self, size: int) -> None:
        self._bytes += size + _TEMPLATE_BYTES
        if self._bytes > _TEMPLATES_BYTES:
            self.follow_host()
            self._bytes = size + _TEMPLATE_BYTES


class _Made:
    """What one encoder made of a place: templates that other places have as well, and its formats.

    `parents` are values by index; empty where they are part of the templates.
    """

    __slots__ = ("formats", "parents", "templates")

    def __init__(self, templates: dict[Shape | None, Template], parents: dict[int, bytes]) -> None:
        self.templates = templates
        self.parents = parents
        self.formats: dict[Shape | None, Format] = {}


def shape_of(event: Event) -> Shape:
    """Return what decides which members an event's record has; () if no template can serve it."""
    if event.argv_gaps or event.env_gaps or event.env is None:
        return ()
    if event.type == "exec" and not event.argv:  # schemas have other members for it
        return ()
    if event.type == "exit":
        is_known = event.duration_ns is not None
        given = event.labels, event.severity, event.technique, event.rule
        return event.status, is_known, event.flags, *given
    if event.flags & record.FLAG_BAD_START:
        return ()
    return (
        event.hook, event.error, event.flags & _EVENT_FLAGS, event.tid == event.pid,
        event.nspid == event.pid, bool(event.env), bool(event.path_search),
        event.labels, event.severity, event.technique, event.rule, event.first_seen,
        event.redacted_argv, event.redacted_env,
    )  # fmt: skip


def _has_plain_parents(fields: FieldDict) -> bool:
    """Return True where parents are values that every template of a core has a room for."""
    return (
        "ancestors" in fields
        and "origin" not in fields
        and _is_plain(fields.get("pcomm", "").encode())
        and _is_plain(fields.get("pexe", "-").encode())
        and not _HAS_BYTES(fields.get("pcmdline", ""))
    )


def _is_plain(text: bytes) -> bool:
    """Return True where text is the same in JSON, in the journal and in a message."""
    return bool(text) and not text.translate(None, SAFE)


class _Seconds(dict[int, bytes]):
    """RFC 3339 text of whole seconds since the epoch. Bounded."""

    def __missing__(self, second: int) -> bytes:
        if len(self) >= _SECONDS_LIMIT:
            self.clear()
        text = self[second] = second_text(second).encode()
        return text


class JsonEncoder(Encoder):
    """Native JSON lines (docs/record.md)."""

    format = "execaudit"

    def __init__(self, host: Host) -> None:
        super().__init__(host, render_line)


def render_line(fields: FieldDict) -> bytes:
    """Return the JSON line of a record."""
    return dumps(fields) + b"\n"
