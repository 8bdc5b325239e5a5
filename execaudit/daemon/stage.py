# SPDX-License-Identifier: Apache-2.0
"""What the daemon does with each record between decoding and the sinks: judge, redact, encode.

Owns the way of every event to the lines and entries made of it. The quick way works on raw bytes;
whatever it leaves over comes as a dict of fields and is treated alike. It does no I/O.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from execaudit.config.environment import DEFAULT_ENV
from execaudit.daemon.collapse import Collapser, Try
from execaudit.daemon.forms import Forms, Raw, label_fields, with_names
from execaudit.daemon.judge import Judge
from execaudit.daemon.limits import Limit
from execaudit.daemon.outlets import Outlet
from execaudit.records.command import restore_argv, restore_text
from execaudit.records.encode_exits import view_exit
from execaudit.records.exits import exit_fields
from execaudit.records.fields import FieldDict, exec_fields, select_env
from execaudit.records.fragments import Fragments
from execaudit.records.host import Host
from execaudit.records.redact import Redactor
from execaudit.records.redact_record import redact_record
from execaudit.records.view import View, Viewer, file_name
from execaudit.rules.decision import NOTHING, Decision
from execaudit.wire import record
from execaudit.wire.decode import HEAD, split, split_exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from execaudit.rules.rule_set import RuleSet

_FIELDS_BYTES = 4000  # what Python needs for a record's fields beside the arguments, about


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
        rules: "RuleSet | None" = None,
        redactor: Redactor | None = None,
        collapser: Collapser[Raw | FieldDict] | None = None,
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
        self._env_names = env_names
        self._identifier = identifier
        self._viewer = Viewer()
        self._judge = Judge(host, env_names, rules, self.limits)
        self._forms = Forms(host, env_names, outlets, identifier)
        self._select_plain()
        self._is_free = rules is None and not limits  # nothing to decide about
        # What the shipped ones name holds no secrets; others are looked into.
        self._own_env = tuple(name for name in env_names if name[:-1].decode() not in DEFAULT_ENV)
        self._clean_env = Fragments(self._find_secret)

    def succeed(self, old: "Stage") -> None:
        """Go on where the stage before a reload ended: its counts, and what it held back."""
        self.counts = old.counts
        self.now_ns = old.now_ns
        if self.rules is not None and old.rules is not None:
            self.rules.adopt(old.rules)
        if old.collapser is None:
            return
        if self.collapser is not None:
            self.collapser = old.collapser
            return
        self._finish_held(old.collapser.flush_all())

    def follow_host(self) -> None:
        """Forget what was made with another wall clock offset, or other names of users."""
        self._forms.follow_host()
        self._judge.forget_names()

    def follow_name(self) -> None:
        """Make everything anew that was made with another name of the host."""
        self._forms = Forms(self._host, self._env_names, self.outlets, self._identifier)
        self._select_plain()

    def _select_plain(self) -> None:
        self._plain = self._forms.plain_encoders()
        # Most hosts have one sink: no lists are made there for each event.
        self._only = self._plain[0] if len(self._plain) == 1 else None

    # -- the quick way --------------------------------------------------------------------------

    def encode(self, buf: bytes, at: int, head: tuple[int, ...]) -> bytes | None:
        """Take the exec record at `at` from its raw bytes. b"" if done, None for the long way."""
        view = self._viewer.view(buf, at, head)
        if view is None:
            return None
        names: list[bytes] = []
        if self.collapser is not None and (view[1] or view[3] in self.collapser.pending):
            one = Try(view[4], file_name(view[8]), view[9])
            if view[1]:
                raw = buf[at : at + head[0]]
                held = self.collapser.add_failure(
                    view[3], one, view[1], (raw, 0, view), 2 * len(raw), self.now_ns,
                    (head[7] << 3 | head[3], head[5]),
                )  # fmt: skip
                if held:
                    self._finish_held(held)
                return b""
            is_script = bool(view[0] & record.FLAG_SCRIPT)
            held, names = self.collapser.add_success(view[3], one, is_script=is_script)
            self._finish_held(held)
        if self._is_free and not names:
            self._show(buf, at, view, head, NOTHING, names)
        else:
            self._take(buf, at, view, head, names)
        return b""

    def encode_exit(
        self, buf: bytes, at: int, head: tuple[int, ...], duration_ns: int | None
    ) -> bytes | None:
        """The same for the end of a process, which ran for `duration_ns`."""
        view = view_exit(buf, at, head)
        if view is None or not self._forms.has_exits:
            return None
        decision = self._judge.decide_exit(view)
        if decision is None:
            return None
        if decision.action == "drop":
            self.counts.dropped += 1
            return b""
        if self.limits and not self._judge.allows_exit(view, self.now_ns):
            self.counts.limited += 1
            return b""
        forms = self._forms.of_exit(head, view, duration_ns, decision)
        if forms is None:
            self._emit_judged(self._exit_fields(buf, at, duration_ns), decision)
        else:
            self._put(forms, decision)
        return b""

    def _exit_fields(self, buf: bytes, at: int, duration_ns: int | None) -> FieldDict:
        event = split_exit(buf, at)
        assert event is not None  # noqa: S101 - a view checks as much
        return exit_fields(event, self._host, duration_ns)

    def _take(
        self, buf: bytes, at: int, view: View, head: tuple[int, ...], names: list[bytes]
    ) -> None:
        """Take a usual exec record of which no more is to come; `names` were tried before it."""
        decision = self._judge.decide(view) if self.rules is not None else NOTHING
        if decision is None:
            self.finish_certain(self._fields(buf, at, names))
            return
        if names:
            self.counts.collapsed += len(names) - (view[1] != 0)
        if decision.action == "drop":
            self.counts.dropped += 1
            return
        if self.limits and not self._judge.allows(view, self.now_ns):
            self.counts.limited += 1
            return
        self._show(buf, at, view, head, decision, names)

    def _show(
        self,
        buf: bytes,
        at: int,
        view: View,
        head: tuple[int, ...],
        decision: Decision,
        names: list[bytes],
    ) -> None:
        """Redact and encode an exec that is to be kept, and give it to the outlets."""
        touched: Sequence[int] = ()
        shown = view
        if self.redactor is not None:
            if self._own_env and view[10] and self._clean_env[view[10]] is None:
                self._emit_judged(self._fields(buf, at, names), decision)
                return
            argv = view[9]
            if argv and not argv[-1]:
                redacted = self.redactor.redact_block(argv)
                if redacted is not None:
                    argv, touched = redacted
                    shown = (*view[:9], argv, view[10])
        if self._plain and decision is NOTHING and not touched and not names:
            if self._only is not None:
                line = self._only[0](head, view)
                if line is not None:
                    self._only[1].batch.append(line)
                    return
            made = [encode(head, view) for encode, _ in self._plain]
            if None not in made:
                for (_, outlet), text in zip(self._plain, made, strict=True):
                    outlet.batch.append(text)  # type: ignore[arg-type]
                return
        forms = self._forms.of_exec((buf, at, shown), head, decision, names, touched)
        if forms is None:
            self._emit_judged(self._fields(buf, at, names), decision)
        else:
            self._put(forms, decision)

    def _fields(self, buf: bytes, at: int, names: list[bytes]) -> FieldDict:
        parts = split(buf, at)
        assert parts is not None  # noqa: S101 - a view checks as much
        fields = exec_fields(parts, [], self._host, self._env_names)
        return with_names(fields, names)

    def _find_secret(self, block: bytes) -> bytes | None:
        """None where selected variables hold a secret, or cannot be told."""
        if self.redactor is None or not any(name in block for name in self._own_env):
            return b""
        if block[-1]:
            return None
        chosen = select_env(block[:-1].split(b"\0"), self._env_names)
        return None if self.redactor.redact(chosen).touched else b""

    def _put(self, forms: dict[str, bytes], decision: Decision) -> None:
        """Give an event to the outlets that take it."""
        for outlet in self.outlets:
            selection = outlet.selection
            if selection is None or selection.takes(decision.labels, decision.severity):
                outlet.batch.append(forms[outlet.form])
            else:
                outlet.deselected += 1

    # -- the long way -----------------------------------------------------------------------------

    def finish(self, fields: FieldDict) -> bytes:
        """Take a record that went the long way. Nothing is returned: the outlets have it."""
        if fields["type"] == "exec" and self.collapser is not None:
            self._collapse(fields, self.collapser)
        else:
            self.finish_certain(fields)
        return b""

    def _collapse(self, fields: FieldDict, collapser: Collapser[Raw | FieldDict]) -> None:
        pid: int = fields["pid"]
        is_failure = fields["result"] == "failure"
        name = restore_text(fields, "filename")
        if name is None:
            self._finish_held(collapser.flush(pid))
            self.finish_certain(fields)
            return
        argv = b"".join([os.fsencode(word) + b"\0" for word in restore_argv(fields)])
        one = Try(fields.get("tid", pid), os.fsencode(name), argv)
        if is_failure:
            size = 2 * len(argv) + _FIELDS_BYTES
            error = -fields["errno_code"]
            held = collapser.add_failure(pid, one, error, fields, size, self.now_ns, _mark(fields))
            self._finish_held(held)
            return
        held, names = collapser.add_success(pid, one, is_script="script" in fields)
        self._finish_held(held)
        self.finish_certain(with_names(fields, names))

    def expire(self, now_ns: int) -> bool:
        """Let go of failures held back for too long; whether others are held still."""
        if self.collapser is None:
            return False
        self._finish_held(self.collapser.expire(now_ns))
        return bool(self.collapser.pending)

    def finish_held(self) -> None:
        """Let go of all that is held back."""
        if self.collapser is not None:
            self._finish_held(self.collapser.flush_all())

    def _finish_held(self, held: list[tuple[Raw | FieldDict, list[bytes]]]) -> None:
        for one, names in held:
            if isinstance(one, tuple):
                self._take(*one, HEAD(one[0], one[1]), names)
            else:
                self.finish_certain(with_names(one, names))

    def finish_certain(self, fields: FieldDict) -> None:
        """Take a record of which no more is to come."""
        if fields["type"] not in _EVENTS:
            self.emit(fields)
            return
        if "path_search" in fields:
            tries = len(fields["path_search"])
            self.counts.collapsed += tries - (fields["result"] == "failure")
        decision = self._judge.decide_fields(fields)
        if decision.action == "drop":
            self.counts.dropped += 1
        elif not self._judge.allows_fields(fields, self.now_ns):
            self.counts.limited += 1
        else:
            self._emit_judged(fields, decision)

    def _emit_judged(self, fields: FieldDict, decision: Decision) -> None:
        """Redact and emit an event that is to be kept."""
        if self.redactor is not None:
            fields = redact_record(fields, self.redactor)
        if decision.labels or decision.severity:
            fields = {**fields, **label_fields(decision)}
        self.emit(fields, decision.labels, decision.severity, is_event=True)

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
                made[form] = self._forms.of_fields(fields, *form)
            outlet.batch.append(made[form])


_EVENTS = ("exec", "exit")


def _mark(fields: FieldDict) -> tuple[int, int]:
    """Stream and sequence number of a failure."""
    hook = record.HOOKS.index(fields.get("hook", "exec"))
    return fields["cpu"] << 3 | hook, fields["seq"]
