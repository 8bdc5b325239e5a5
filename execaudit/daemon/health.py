# SPDX-License-Identifier: Apache-2.0
"""Whether execs are seen, looked at in regular intervals; what is not in order is repaired.

Owns what is looked at, which repair is for what, and the `repair` record of it. A link that the
kernel knows is no proof alone: of perf events it tells nothing, kprobes can be switched off for the
whole host (debugfs, kprobes/enabled), rules in the maps and the reader's position in the ring can
be written by whoever may use bpf(2). So each hook also has to have seen something since the last
look; one that has not is given an exec of our own, which has to come out of the ring.
"""

import operator
import struct
import time

from execaudit.daemon import start
from execaudit.daemon.flow import Flow
from execaudit.daemon.log import log
from execaudit.daemon.status import Status
from execaudit.errors import ExecauditError
from execaudit.kernel.capture import hook_of
from execaudit.records.streams import SLOT_COUNTERS
from execaudit.sinks.notices import NOTICE, WARNING
from execaudit.wire import record

_EXEC, _EXIT = record.HOOKS.index("exec"), record.HOOKS.index("exit")
_DROPPED, _DROPPED_AT = struct.Struct("@Q").unpack_from, record.SLOT.offset("dropped")
_CALLS = {record.HOOKS.index(call): call for call in ("execve", "execveat")}


class Health:
    """Looks after what flows.

    Attributes:
        repairs: how many there were.
        is_tracing: what the last look found: whether successful execs are seen.

    """

    def __init__(self, flow: Flow) -> None:
        self.repairs = 0
        self.is_tracing = True
        self.looked_ns = _now_ns()
        self._flow = flow
        self._counts = [0] * len(record.HOOKS)
        self._lasting: dict[str, int] = {}  # what could not be repaired, and since when
        self._can_execute = True

    def state(self) -> Status:
        """What the last look gave, for the status."""
        return {
            "is_tracing": self.is_tracing,
            "looked": self._flow.host.time(self.looked_ns),
            "repairs": self.repairs,
        }

    def look(self) -> bool:
        """Look, repair, tell; whether successful execs are seen now."""
        found: dict[str, list[str]] = {}
        failed: set[str] = set()
        try:
            self._mend(found)
            silent = self._silent()
            if silent:
                found["silent"] = silent
                self._renew()
                silent = self._silent()
            if silent is None:
                found["ring"] = list(self._flow.capture.points)
                self._renew()
                silent = self._silent()
            if silent:
                failed.add("silent")
                found.setdefault("silent", silent)
            self.is_tracing = silent is not None and "on_exec" not in silent
        except (OSError, ExecauditError) as error:
            log(WARNING, f"Failed to repair tracing: {error}")
            self.is_tracing = False
            failed = set(found)
        self._tell(found, failed)
        self.looked_ns = _now_ns()
        return self.is_tracing

    def _mend(self, found: dict[str, list[str]]) -> None:
        """Repair what can be seen without an exec. Raises OSError or ExecauditError."""
        flow = self._flow
        names = list(flow.capture.points)
        flow.refresh_rules()
        if not flow.ring.is_sound():
            found["ring"] = names
            if not flow.ring.mend():
                self._renew()
        if flow.capture.is_altered():
            found["altered"] = names
            flow.resume_rules()
        gone = flow.capture.detached()
        if gone:
            found["detached"] = gone
            self._renew()

    def _renew(self) -> None:
        start.renew(self._flow)
        self._counts = [0] * len(record.HOOKS)

    def _silent(self) -> list[str] | None:
        """Programs that see nothing; None where they do, and it does not come out of the ring."""
        flow = self._flow
        capture, proof = flow.capture, flow.proof
        programs = {hook_of(name): name for name in capture.points}
        before, self._counts = self._counts, capture.seen_by_hook()
        idle = [hook for hook in (*_CALLS, _EXEC, _EXIT) if hook in programs]
        idle = [hook for hook in idle if self._counts[hook] == before[hook]]
        if not idle:
            return []
        slots = capture.slots()
        proof.begin()
        for hook in idle:
            if hook in _CALLS:
                proof.fail(_CALLS[hook])
        if (_EXEC in idle or _EXIT in idle) and not self._execute():
            idle = [hook for hook in idle if hook in _CALLS]
        before, self._counts = self._counts, capture.seen_by_hook()
        undelivered = _undelivered(slots, capture.slots())
        flow.drain()
        if not flow.ring.pending():  # what is being written is in front of it otherwise
            proof.is_out = False
            if any(hook in undelivered and hook not in proof.found for hook in idle):
                return None
        return [programs[hook] for hook in idle if self._counts[hook] == before[hook]]

    def _execute(self) -> bool:
        try:
            self._flow.proof.succeed()
        except OSError as error:
            if self._can_execute:
                log(NOTICE, f"Failed to execute itself: {error.strerror}, trusting attachments")
            self._can_execute = False
            return False
        return True

    def _tell(self, found: dict[str, list[str]], failed: set[str]) -> None:
        """One record for what was found, another for what works again without our doing."""
        flow, now_ns = self._flow, _now_ns()
        for reason, programs in found.items():
            if reason in failed and reason in self._lasting:
                continue
            first_ns = self._lasting.pop(reason, self._last_seen_ns(reason, programs))
            self.repairs += reason not in failed
            if reason in failed:
                self._lasting[reason] = first_ns
            what = f"{_WHAT[reason]} ({', '.join(programs)})"
            end = "Failed to repair it" if reason in failed else "repaired"
            log(WARNING, f"{what}: {end}; execs since {flow.host.time(first_ns)} may be missing")
            flow.tell.repair(reason, programs, first_ns, now_ns, is_repaired=reason not in failed)
        for reason in [each for each in self._lasting if each not in found]:
            first_ns = self._lasting.pop(reason)
            log(NOTICE, f"{_WHAT[reason]}: it works again")
            flow.tell.repair(reason, [], first_ns, now_ns, is_repaired=True)

    def _last_seen_ns(self, reason: str, programs: list[str]) -> int:
        """When all was in order for sure: the last look, or what these programs saw since."""
        if reason == "altered":  # it may concern some execs and not others
            return self.looked_ns
        seen_ns: dict[int | None, int] = {}
        for key, _, time_ns, _ in self._flow.pipeline.standing()[0]:
            seen_ns[key & 7] = max(seen_ns.get(key & 7, 0), time_ns)
        times = [seen_ns.get(hook_of(name), 0) for name in programs]
        return max(self.looked_ns, min(times, default=0))


_WHAT = {
    "detached": "A program was detached",
    "silent": "A program is attached and saw no exec",
    "altered": "Settings or rules in the kernel were changed by others",
    "ring": "The ring buffer was not readable as it was left",
}


def _undelivered(before: list[list[bytes]], after: list[list[bytes]]) -> set[int]:
    """Hooks with an event that took a sequence number in between, and none lost or dropped."""

    def sums(slots: list[bytes]) -> tuple[int, ...]:
        counters = [(*SLOT_COUNTERS(raw)[:2], *_DROPPED(raw, _DROPPED_AT)) for raw in slots]
        return tuple(map(sum, zip(*counters, strict=True)))

    moved: set[int] = set()
    for hook, (old, new) in enumerate(zip(before, after, strict=True)):
        seq, *others = map(operator.sub, sums(new), sums(old))
        if seq and not any(others):
            moved.add(hook)
    return moved


def _now_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)
