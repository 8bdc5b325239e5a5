# SPDX-License-Identifier: Apache-2.0
"""What the daemon does with each record between decoding and the sinks: judge, redact, encode.

Owns the decision over every event and the lines and entries made of it. The quick way works on raw
bytes; whatever it leaves over comes as a dict of fields and is treated alike. It does no I/O.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from execaudit.config.words import SEVERITIES
from execaudit.daemon.collapse import Collapser
from execaudit.daemon.limits import Limit
from execaudit.formats.lines import FORMATS, make_line
from execaudit.formats.template import TemplateEncoder
from execaudit.options import DEFAULT_ENV
from execaudit.records.encode import Encoder
from execaudit.records.encode_journal import JournalEncoder
from execaudit.records.fields import FieldDict
from execaudit.records.host import Host
from execaudit.records.journal import PRIORITIES, wire_entry, wire_fields
from execaudit.records.place import PlaceReader
from execaudit.records.redact import Redactor
from execaudit.records.redact_record import redact_record
from execaudit.records.text import dumps
from execaudit.rules.decision import NOTHING, Decision
from execaudit.rules.rule_set import RuleSet
from execaudit.wire import record
from execaudit.wire.decode import SCALARS, SCALARS_AT, STRINGS_AT

if TYPE_CHECKING:
    from execaudit.rules.residue import Residue

_PLACES_KEPT = 1024
_INFO = PRIORITIES["info"]


@dataclass(slots=True)
class Selection:
    """Which records a sink takes: by label, by severity; nothing given takes all."""

    labels: frozenset[str] = frozenset()
    min_severity: str = ""

    def takes(self, labels: tuple[str, ...], severity: str) -> bool:
        """Whether a record with these goes to the sink."""
        if self.labels and self.labels.isdisjoint(labels):
            return False
        if not self.min_severity:
            return True
        return bool(severity) and SEVERITIES.index(severity) >= SEVERITIES.index(self.min_severity)


@dataclass(slots=True)
class Outlet:
    """One sink's share of a batch, in the form that it takes."""

    form: str  # "journal", or one of FORMATS
    selection: Selection | None  # None: everything
    max_line_bytes: int = 0  # 0: as long as lines are
    batch: list[bytes] = field(default_factory=list)
    deselected: int = 0


@dataclass(slots=True)
class StageCounts:
    """Events that went no further, and why."""

    dropped: int = 0
    limited: int = 0
    collapsed: int = 0  # failures that became part of another record


class Stage:
    """Judges, redacts and encodes for the outlets.

    Anything optional is None where it is not configured. `identifier` is the journal's.
    """

    def __init__(
        self,
        host: Host,
        env_names: tuple[bytes, ...],
        outlets: list[Outlet],
        *,
        rules: RuleSet | None = None,
        redactor: Redactor | None = None,
        collapser: Collapser | None = None,
        limits: dict[str, Limit] | None = None,
        identifier: str = "execaudit",
    ) -> None:
        self.counts = StageCounts()
        self.now_ns = 0  # CLOCK_BOOTTIME, set before each batch
        self.outlets = outlets
        self.rules = rules
        self.redactor = redactor
        self.collapser = collapser
        self.limits = limits or {}
        self._host = host
        self._identifier = identifier
        self._bounded = [outlet for outlet in outlets if outlet.max_line_bytes]
        forms = {outlet.form for outlet in outlets}
        self._json = Encoder(host, env_names) if "execaudit" in forms else None
        self._journal = JournalEncoder(host, env_names, identifier) if "journal" in forms else None
        self._adapted = {
            form: TemplateEncoder(host, env_names, schema.adapt)
            for form, schema in FORMATS.items()
            if schema.adapt and form in forms
        }
        # What the shipped ones name holds no secrets; others are looked into, the long way.
        self._own_env = [name for name in env_names if name[:-1].decode() not in DEFAULT_ENV]
        self._places = PlaceReader(host)
        self._residues: dict[bytes, Residue] = {}
        self._labels: dict[tuple[tuple[str, ...], str], tuple[bytes, bytes]] = {}
        self._is_slow_for_all = bool(self.limits) or (rules is not None and rules.wants_images)

    def succeed(self, old: "Stage") -> None:
        """Go on where the stage before a reload ended: its counts, and what it held back."""
        self.counts = old.counts
        self.now_ns = old.now_ns
        if self.rules is not None and old.rules is not None:
            self.rules.adopt(old.rules)
        for outlet, before in zip(self.outlets, old.outlets, strict=False):
            outlet.deselected = before.deselected
        if old.collapser is None:
            return
        if self.collapser is not None:
            self.collapser = old.collapser
            return
        for fields in old.collapser.flush_all():
            self.finish_certain(fields)

    def follow_clock(self) -> None:
        """Forget what was made with the old wall clock offset."""
        for encoder in (self._json, self._journal, *self._adapted.values()):
            if encoder is not None:
                encoder.follow_clock()

    def encode(self, buf: bytes, at: int, head: tuple[int, ...]) -> bytes | None:
        """Take the exec record at `at` from its raw bytes. b"" if done, None for the long way."""
        if self._is_slow_for_all:
            return None
        scalars = SCALARS(buf, at + SCALARS_AT)
        end = at + head[0]
        argv = buf[end - scalars[9] : end]
        if self.redactor is not None and (
            self.redactor.suspects(argv)
            or (self._own_env and self._has_own_env(buf[end - scalars[9] - scalars[13] : end]))
        ):
            return None
        if self.collapser is not None and (scalars[1] or scalars[3] in self.collapser.pending):
            return None
        decision = self._judge(buf, at, scalars, argv) if self.rules else NOTHING
        if decision is None:
            return None
        if decision.action == "drop":
            self.counts.dropped += 1
            return b""
        done = self._emit_raw(buf, at, head, decision)
        if done is None and self.rules is not None:
            for index in decision.rules:  # the long way judges, and counts, once more
                self.rules.hits[index] -= 1
        return done

    def _has_own_env(self, block: bytes) -> bool:
        return any(name in block for name in self._own_env)

    def _emit_raw(
        self, buf: bytes, at: int, head: tuple[int, ...], decision: Decision
    ) -> bytes | None:
        forms = self._make_forms(buf, at, head, decision)
        if forms is None:
            return None
        for outlet in self._bounded:
            if len(forms[outlet.form]) > outlet.max_line_bytes:
                return None
        for outlet in self.outlets:
            if outlet.selection is None or outlet.selection.takes(
                decision.labels, decision.severity
            ):
                outlet.batch.append(forms[outlet.form])
            else:
                outlet.deselected += 1
        return b""

    def _make_forms(
        self, buf: bytes, at: int, head: tuple[int, ...], decision: Decision
    ) -> dict[str, bytes] | None:
        """The record in every form that an outlet takes; None where one goes the long way."""
        forms: dict[str, bytes] = {}
        is_labelled = decision.labels or decision.severity
        members, extra = self._label_forms(decision) if is_labelled else (b"", b"")
        if self._json is not None:
            made = self._json.encode(buf, at, head)
            if made is None:
                return None
            forms["execaudit"] = made[:-2] + members + b"}\n" if is_labelled else made
        if self._journal is not None:
            priority = PRIORITIES.get(decision.severity or "info", _INFO)
            made = self._journal.encode(buf, at, head, priority, extra)
            if made is None:
                return None
            forms["journal"] = made
        for form, encoder in self._adapted.items():
            made = encoder.encode(buf, at, head, decision.labels, decision.severity)
            if made is None:
                return None
            forms[form] = made
        return forms

    def _label_forms(self, decision: Decision) -> tuple[bytes, bytes]:
        """Labels and severity as JSON members, with the comma before, and as journal fields."""
        key = (decision.labels, decision.severity)
        if key not in self._labels:
            fields = _label_fields(decision)
            self._labels[key] = (b"," + dumps(fields)[1:-1], wire_fields(fields))
        return self._labels[key]

    def _judge(self, buf: bytes, at: int, scalars: tuple[int, ...], argv: bytes) -> Decision | None:
        assert self.rules is not None  # noqa: S101 - for the type checker
        flags, error, argc, pid, _, start_ns = scalars[:6]
        lengths = scalars[16:22]
        ancestors = scalars[23]
        env_at = at + STRINGS_AT + sum(lengths)
        if flags & _DOUBTFUL or scalars[22] or ancestors > record.ANCESTORS:
            return None
        key = self._places.key(buf, at, ancestors, env_at)
        residue = self._residues.get(key)
        if residue is None:
            if len(self._residues) >= _PLACES_KEPT:
                self._residues.clear()
            fields = self._places.fields(key)
            residue = self._residues[key] = self.rules.narrow(fields)
        if residue.constant is not None:
            for index in residue.constant.rules:
                self.rules.hits[index] += 1
            return residue.constant
        if self.rules.wants_env:
            return None
        return residue.decide(argv, argc, flags, error, (pid, start_ns))

    def finish(self, fields: FieldDict) -> bytes:
        """Take a record that went the long way. Nothing is returned: the outlets have it."""
        kind = fields["type"]
        if kind == "exec":
            for certain in self._collapse(fields):
                self.finish_certain(certain)
        else:
            self.finish_certain(fields)
        return b""

    def _collapse(self, fields: FieldDict) -> list[FieldDict]:
        if self.collapser is None:
            return [fields]
        if fields["result"] == "failure":
            return self.collapser.add_failure(fields, self.now_ns)
        return self.collapser.add_success(fields)

    def finish_certain(self, fields: FieldDict) -> None:
        """Take a record of which no more is to come."""
        decision = NOTHING
        if fields["type"] in _EVENTS:
            if "path_search" in fields:
                tries = len(fields["path_search"])
                self.counts.collapsed += tries - (fields["result"] == "failure")
            if self.rules is not None:
                decision = self.rules.decide_record(fields)
                if self.rules.wants_images and fields.get("result") == "success":
                    self.rules.remember(fields.get("id", ""), fields.get("exe", ""))
            if decision.action == "drop":
                self.counts.dropped += 1
                return
            if not self._is_within_limits(fields):
                self.counts.limited += 1
                return
            if self.redactor is not None:
                fields = redact_record(fields, self.redactor)
            if decision.labels or decision.severity:
                fields = {**fields, **_label_fields(decision)}
        self.emit(fields, decision.labels, decision.severity, is_event=fields["type"] in _EVENTS)

    def _is_within_limits(self, fields: FieldDict) -> bool:
        for name, limit in self.limits.items():
            if name in fields and not limit.allows(fields[name], self.now_ns):
                return False
        return True

    def emit(
        self,
        fields: FieldDict,
        labels: tuple[str, ...] = (),
        severity: str = "",
        *,
        is_event: bool = False,
    ) -> None:
        """Give a finished record to the outlets. What is no event goes to all of them."""
        made: dict[tuple[str, int], bytes] = {}
        for outlet in self.outlets:
            if is_event and outlet.selection and not outlet.selection.takes(labels, severity):
                outlet.deselected += 1
                continue
            form = outlet.form, outlet.max_line_bytes
            if form not in made:
                made[form] = (
                    wire_entry(fields, self._identifier)
                    if outlet.form == "journal"
                    else make_line(fields, *form)
                )
            outlet.batch.append(made[form])


_EVENTS = ("exec", "exit")
# Flags with which fields of the place are missing or cut: rules then see the record's fields.
_DOUBTFUL = 0xFFFFFFFFFFFFFFFF & ~(
    record.FLAG_PRIVILEGED
    | record.FLAG_SCRIPT
    | record.FLAG_CWD_DELETED
    | record.FLAG_CUT_ANCESTORS
)


def _label_fields(decision: Decision) -> FieldDict:
    fields: FieldDict = {}
    if decision.labels:
        fields["labels"] = list(decision.labels)
    if decision.severity:
        fields["severity"] = decision.severity
    return fields
