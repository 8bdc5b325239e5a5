# SPDX-License-Identifier: Apache-2.0
"""One event in each of the forms that outlets take: JSON lines, journal entries, other schemas.

Owns the encoders, and what they are given besides the record: labels, names tried, redactions.
It decides nothing.
"""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from execaudit.daemon.outlets import Outlet
from execaudit.formats.lines import FORMATS, Adapter, make_line
from execaudit.records.encode import Encoder
from execaudit.records.encode_exits import ExitEncoder, ExitView
from execaudit.records.encode_journal import JournalEncoder
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.records.journal import PRIORITIES, wire_entry, wire_fields
from execaudit.records.text import decode, dumps
from execaudit.records.view import View
from execaudit.rules.decision import Decision

if TYPE_CHECKING:
    from execaudit.formats.template import TemplateEncoder

_INFO = PRIORITIES["info"]
_ADDED_KEPT = 1024
_Added = tuple[tuple[str, ...], str, tuple[int, ...]]

Encode = Callable[[tuple[int, ...], View], bytes | None]
"""Bytes of a usual exec record; None for the long way."""

Raw = tuple[bytes, int, View]
"""A usual exec record: a buffer, where in it, and what was looked at."""


class Forms:
    """Makes the forms that `outlets` take. `identifier` is the journal's.

    Attributes:
        has_exits: whether ends of processes can be made from their raw bytes.

    """

    def __init__(
        self, host: Host, env_names: tuple[bytes, ...], outlets: list[Outlet], identifier: str
    ) -> None:
        self._identifier = identifier
        self._outlets = outlets
        forms = {outlet.form for outlet in outlets}
        self._json = Encoder(host, env_names) if "execaudit" in forms else None
        self._journal = JournalEncoder(host, env_names, identifier) if "journal" in forms else None
        self._adapted = {
            form: _make_adapted(host, env_names, schema.adapt)
            for form, schema in FORMATS.items()
            if schema.adapt and form in forms
        }
        self._exits = ExitEncoder(host, identifier)
        self.has_exits = not self._adapted
        self._added: dict[_Added, tuple[bytes, bytes]] = {}

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        for encoder in (self._json, self._journal, *self._adapted.values()):
            if encoder is not None:
                encoder.follow_host()

    def plain_encoders(self) -> list[tuple[Encode, Outlet]]:
        """What makes the bytes of an exec to which nothing is added, for each outlet.

        Empty where an outlet is not always to have them.
        """
        encoders: dict[str, Encode] = {}
        if self._json is not None:
            encoders["execaudit"] = self._json.encode_view
        if self._journal is not None:
            encoders["journal"] = self._journal.encode_view
        out: list[tuple[Encode, Outlet]] = []
        for outlet in self._outlets:
            encode = encoders.pop(outlet.form, None)
            if encode is None or outlet.selection is not None or outlet.max_line_bytes:
                return []
            out.append((encode, outlet))
        return out

    def of_exec(
        self,
        raw: Raw,
        head: tuple[int, ...],
        decision: Decision,
        names: list[bytes],
        touched: Sequence[int],
    ) -> dict[str, bytes] | None:
        """An exec in every form that an outlet takes; None where one needs the fields.

        `names` were tried before it, `touched` are indices of redacted arguments.
        """
        buf, at, view = raw
        members = fields = b""
        if names or touched:
            if names and self._adapted:
                return None
            members, fields = self._added_forms(decision, names, tuple(touched))
        elif _is_labelled(decision):
            members, fields = self._added_forms(decision)
        forms: dict[str, bytes | None] = {}
        if self._json is not None:
            forms["execaudit"] = self._json.encode_view(head, view, members)
        if self._journal is not None:
            priority = PRIORITIES.get(decision.severity, _INFO)
            forms["journal"] = self._journal.encode_view(head, view, priority, fields)
        for form, encoder in self._adapted.items():
            added = (decision.labels, decision.severity, tuple(touched))
            forms[form] = encoder.encode_view(head, view, (buf, at), added)
        for outlet in self._outlets:
            text = forms[outlet.form]
            if text is None or 0 < outlet.max_line_bytes < len(text):
                return None
        return cast("dict[str, bytes]", forms)

    def of_exit(
        self, head: tuple[int, ...], view: ExitView, duration_ns: int | None, decision: Decision
    ) -> dict[str, bytes] | None:
        """The end of a process; None where a line is too long."""
        members, fields = self._added_forms(decision) if _is_labelled(decision) else (b"", b"")
        forms: dict[str, bytes] = {}
        if self._json is not None:
            forms["execaudit"] = self._exits.line(head, view, duration_ns, members)
        if self._journal is not None:
            priority = PRIORITIES.get(decision.severity, _INFO)
            forms["journal"] = self._exits.entry(head, view, duration_ns, priority, fields)
        for outlet in self._outlets:
            if 0 < outlet.max_line_bytes < len(forms[outlet.form]):
                return None
        return forms

    def of_fields(self, fields: FieldDict, form: str, max_line_bytes: int) -> bytes:
        """A finished record of any type in one form."""
        if form == "journal":
            return wire_entry(fields, self._identifier)
        return make_line(fields, form, max_line_bytes)

    def _added_forms(
        self, decision: Decision, names: Sequence[bytes] = (), touched: tuple[int, ...] = ()
    ) -> tuple[bytes, bytes]:
        """What is added to a record: as JSON members, with the comma before, as journal fields."""
        key = (decision.labels, decision.severity, touched)
        made = None if names else self._added.get(key)
        if made is None:
            fields = with_names({}, names)
            if touched:
                fields["redacted"] = {"argv": touched}
            fields |= label_fields(decision)
            made = b"," + dumps(fields)[1:-1], wire_fields(fields)
            if not names:
                if len(self._added) >= _ADDED_KEPT:
                    self._added.clear()
                self._added[key] = made
        return made


def _make_adapted(host: Host, env_names: tuple[bytes, ...], adapt: Adapter) -> "TemplateEncoder":
    from execaudit.formats.template import TemplateEncoder  # noqa: PLC0415 - seldom used

    return TemplateEncoder(host, env_names, adapt)


def with_names(fields: FieldDict, names: Sequence[bytes]) -> FieldDict:
    """The record with the file names that were tried before, as text."""
    if not names:
        return fields
    return {**fields, "path_search": [decode(name)[0] for name in names]}


def _is_labelled(decision: Decision) -> bool:
    return bool(decision.labels or decision.severity)


def label_fields(decision: Decision) -> FieldDict:
    """Labels and severity as members of the record."""
    fields: FieldDict = {}
    if decision.labels:
        fields["labels"] = list(decision.labels)
    if decision.severity:
        fields["severity"] = decision.severity
    return fields
