# SPDX-License-Identifier: Apache-2.0
"""Checks at regular intervals that execs are seen, and restarts tracing if they are not.

Owns what is checked, and what is a reason to restart, with new programs, maps and ring: the only
repair. It is not enough that the kernel knows a link: it says nothing about perf events, kprobes
can be switched off for the whole host (debugfs, kprobes/enabled), and whoever may use bpf(2) can
write the rules in the maps and the reader's position in the ring. So each hook must also have seen
something since the last check. For one that has not, a canary is made, which must come out of the
ring.
"""

import operator
import struct
import time
from typing import Any, NamedTuple

from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.replacement import restart_capture
from execaudit.daemon.reports import report_repair
from execaudit.errors import ExecauditError
from execaudit.kernel.capture import hook_of
from execaudit.sinks.notices import NOTICE, WARNING
from execaudit.wire import record

_EXEC, _EXIT = record.HOOKS.index("exec"), record.HOOKS.index("exit")
_CALLS = {record.HOOKS.index(call): call for call in ("execve", "execveat")}
_SEQ_AND_LOST = struct.Struct("@2Q").unpack_from
_DROPPED, _DROPPED_AT = struct.Struct("@Q").unpack_from, record.SLOT.offset("dropped")

Faults = dict[str, list[str]]
"""Names of the programs at fault, by reason."""

_SENTENCES = {
    "detached": "A program was detached",
    "silent": "A program is attached and saw no exec",
    "altered": "Settings or rules in the kernel were changed by others",
    "ring": "The ring buffer was not readable as it was left",
}


class _Lasting(NamedTuple):
    """A fault that was reported and not yet repaired."""

    programs: set[str]
    first_ns: int


class SelfCheck:
    """Checks what is traced.

    Attributes:
        repairs: how many faults were repaired.
        is_tracing: successful execs were seen at the last check.

    """

    def __init__(self, flow: Flow) -> None:
        self.repairs = 0
        self.is_tracing = True
        self._checked_ns = _now_ns()
        self._flow = flow
        self._counts = [0] * len(record.HOOKS)
        self._deaf: set[str] = set()  # programs that were silent already when they were new
        self._lasting: dict[str, _Lasting] = {}
        self._can_execute = True

    def status(self) -> dict[str, Any]:
        """Return the result of the last check, for the status file."""
        return {
            "is_tracing": self.is_tracing,
            "looked": self._flow.host.time(self._checked_ns),
            "repairs": self.repairs,
        }

    def run(self) -> bool:
        """Check, restart if needed, report; return True if successful execs are seen now."""
        faults: Faults = {}
        left: Faults = {}
        since_ns: dict[str, int] = {}
        try:
            faults = left = self._find_faults()
            since_ns = {reason: self._since_ns(reason, faults[reason]) for reason in faults}
            if self._needs_restart(faults):
                restart_capture(self._flow)
                self._counts = [0] * len(record.HOOKS)
                left = self._find_faults()
                self._deaf = set(left.get("silent", ()))
            self.is_tracing = left.keys() <= {"silent"} and "on_exec" not in left.get("silent", ())
        except (OSError, ExecauditError) as error:
            log(WARNING, f"Failed to restart tracing: {error}")
            self.is_tracing = False
        self._report(faults, left, since_ns)
        self._checked_ns = _now_ns()
        return self.is_tracing

    def _needs_restart(self, faults: Faults) -> bool:
        """Return True if there are faults, except of hooks that new programs left silent.

        Such a hook sees failed execs, and is switched off for the whole host: successful execs are
        seen, and each restart would lose some.
        """
        silent = set(faults.get("silent", ()))
        self._deaf &= silent
        return bool(faults.keys() - {"silent"} or silent - self._deaf or "on_exec" in silent)

    def _find_faults(self) -> Faults:
        """Return what is wrong now. Raises OSError."""
        capture = self._flow.capture
        names = list(capture.points)
        faults: Faults = {}
        if not self._flow.ring.is_sound():
            faults["ring"] = names
        if capture.is_altered():
            faults["altered"] = names
        detached = capture.detached()
        if detached:
            faults["detached"] = detached
        if faults:
            return faults
        silent = self._find_silent()
        if silent is None:
            return {"ring": names}
        return {"silent": silent} if silent else {}

    def _find_silent(self) -> list[str] | None:
        """Return programs that see nothing; None if the ring does not deliver what they see."""
        flow = self._flow
        capture, canary = flow.capture, flow.canary
        programs = {hook_of(name): name for name in capture.points}
        before, self._counts = self._counts, capture.seen_by_hook()
        idle = [hook for hook in (*_CALLS, _EXEC, _EXIT) if hook in programs]
        idle = [hook for hook in idle if self._counts[hook] == before[hook]]
        if not idle:
            return []
        slots = capture.slots()
        canary.begin()
        for hook in idle:
            if hook in _CALLS:
                canary.fail(_CALLS[hook])
        if (_EXEC in idle or _EXIT in idle) and not self._execute():
            idle = [hook for hook in idle if hook in _CALLS]
        before, self._counts = self._counts, capture.seen_by_hook()
        undelivered = _undelivered(slots, capture.slots())
        flow.drain()
        if not flow.ring.pending():  # else something in front of it is still being written
            canary.is_pending = False
            if any(hook in undelivered and hook not in canary.found for hook in idle):
                return None
        return [programs[hook] for hook in idle if self._counts[hook] == before[hook]]

    def _execute(self) -> bool:
        try:
            self._flow.canary.succeed()
        except OSError as error:
            if self._can_execute:
                log(NOTICE, f"Failed to execute itself: {error.strerror}, trusting attachments")
            self._can_execute = False
            return False
        return True

    def _since_ns(self, reason: str, programs: list[str]) -> int:
        """Return when all was in order: at the last check, or later, when all saw an exec."""
        if reason == "altered":  # it may concern some execs and not others
            return self._checked_ns
        seen_ns = self._flow.accounting.last_seen_ns()
        times = [seen_ns.get(hook, 0) for hook in map(hook_of, programs) if hook is not None]
        return max(self._checked_ns, min(times, default=0))

    def _report(self, faults: Faults, left: Faults, since_ns: dict[str, int]) -> None:
        """Report each fault once, and once more when it is gone."""
        for reason, programs in {**faults, **left}.items():
            lasting = self._lasting.get(reason)
            is_repaired = reason not in left
            if not is_repaired and lasting is not None and lasting.programs >= set(programs):
                continue
            first_ns = lasting.first_ns if lasting else since_ns.get(reason, self._checked_ns)
            if is_repaired:
                self.repairs += 1
                self._lasting.pop(reason, None)
            else:
                self._lasting[reason] = _Lasting(set(programs), first_ns)
            end = "restarted tracing" if is_repaired else "new programs did not help"
            log(
                WARNING,
                f"{_SENTENCES[reason]} ({', '.join(programs)}): {end};"
                f" execs since {self._flow.host.time(first_ns)} may be missing",
            )
            report_repair(self._flow, (reason, programs, is_repaired), first_ns)
        for reason in [each for each in self._lasting if each not in faults | left]:
            first_ns = self._lasting.pop(reason).first_ns
            log(NOTICE, f"{_SENTENCES[reason]}: it works again")
            report_repair(self._flow, (reason, [], True), first_ns)


def _undelivered(before: list[list[bytes]], after: list[list[bytes]]) -> set[int]:
    """Return hooks whose events took numbers in between, with none lost or dropped."""

    def sums(slots: list[bytes]) -> tuple[int, ...]:
        counters = [(*_SEQ_AND_LOST(raw), *_DROPPED(raw, _DROPPED_AT)) for raw in slots]
        return tuple(map(sum, zip(*counters, strict=True)))

    moved: set[int] = set()
    for hook, (old, new) in enumerate(zip(before, after, strict=True)):
        seq, *others = map(operator.sub, sums(new), sums(old))
        if seq and not any(others):
            moved.add(hook)
    return moved


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
