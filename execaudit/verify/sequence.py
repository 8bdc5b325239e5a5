# SPDX-License-Identifier: Apache-2.0
"""Finds missing events that no record explains: by their numbers, not by seals.

Owns following `seq` per processor and hook over starts, stops and restarts, and comparing the gaps
with events that the log's own records count as lost, dropped, limited or put together.
"""

import contextlib
import json
import re
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.verify.findings import UNKNOWN, WHOLE, Finding

_HOST = rb'"(?:[^"\\]|\\.)*"'
# By the encoders' order of members: nothing that a traced program chose comes before these.
_native = re.compile(
    rb'\{"time":"[^"]*","type":"(?:exec|exit)","host":' + _HOST
    + rb',"boot":"([^"]*)",(?:"hook":"([a-z_]+)",)?"cpu":(\d{1,9}),"seq":(\d{1,20})[,}]'
).match  # fmt: skip
_others = re.compile(
    rb'\{(?:"@timestamp":"[^"]*","event":\{"dataset":"execaudit\.'
    rb'|"metadata":\{"original_time":"[^"]*","event_code":")(?:exec|exit)"'
    rb',"(?:id|uid)":"([0-9a-f]*)-([a-z_]+)-(\d{1,9})-(\d{1,20})"'
).match
_is_own = re.compile(
    rb'\{(?:"time":"[^"]*","type":"'
    rb'|"@timestamp":"[^"]*","event":\{"dataset":"execaudit\.'
    rb'|"metadata":\{"original_time":"[^"]*","event_code":")(?:start|stop|lost|repair)"'
).match
_SEARCHED = b'"path_search":['
_names = re.compile(rb'((?:"(?:[^"\\]|\\.)*",?)*)\]').match
_BOOT_DIGITS = 12
_FAILED = b'"failure"'


class _Run:
    """Numbers of one kernel side, from loading the programs to their end."""

    def __init__(self, boot: bytes, *, begins: bool) -> None:
        self.boot = boot
        self.begins = begins  # in this log: the first number must be 1
        self.streams: dict[tuple[bytes, bytes], list[int]] = {}  # first, newest, how many
        self.explained = 0
        self.bounded = 0  # the most that was dropped or limited, by counts of whole runs
        self.is_open = False  # the daemon has not recorded yet how many it dropped
        self.is_inexact = False

    def add(self, hook: bytes, cpu: bytes, seq: int) -> None:
        stream = self.streams.get((hook, cpu))
        if stream is None:
            self.streams[hook, cpu] = [seq, seq, 1]
            return
        if seq > stream[1]:
            stream[1] = seq
        elif seq < stream[0]:
            stream[0] = seq
        stream[2] += 1

    def missing(self) -> int:
        return sum(
            newest - (0 if self.begins else first - 1) - count
            for first, newest, count in self.streams.values()
        )


class Sequence:
    """Takes all lines of a log except the seals."""

    def __init__(self) -> None:
        self.events = 0
        self.lost = 0
        self.findings: list[Finding] = []
        self._run = _Run(b"", begins=False)

    def take(self, data: bytes) -> None:
        """Take whole lines."""
        match = _others if data.startswith((b'{"@', b'{"metadata')) else _native
        begin, run, find = 0, self._run, data.find
        searched = 0  # up to here
        while begin < len(data):
            found = match(data, begin)
            end = find(b"\n", begin if found is None else found.end()) + 1 or len(data)
            if found is not None:
                boot, hook, cpu, seq = found.groups()
                boot = boot[:_BOOT_DIGITS]  # ids have no more of it
                if boot != run.boot:
                    self._take_searches(data, searched, begin)
                    searched = begin
                    run = self._change(boot, begins=False) if run.boot else run
                    run.boot = boot
                run.add(hook or b"exec", cpu, int(seq))
                self.events += 1
            elif _is_own(data, begin):
                self._take_searches(data, searched, begin)
                searched = begin
                self._take_own(data[begin:end])
                run = self._run
            begin = end
        self._take_searches(data, searched, len(data))

    def _take_searches(self, data: bytes, at: int, end: int) -> None:
        """Count failures that are part of another record, as explained."""
        while (at := data.find(_SEARCHED, at, end)) >= 0:
            at += len(_SEARCHED)
            found = _names(data, at)
            if found is not None:
                line = data[data.rfind(b"\n", 0, at) + 1 : data.find(b"\n", at)]
                self._run.explained += found[1].count(b'","') + 1 - (_FAILED in line)

    def _change(self, boot: bytes, *, begins: bool) -> _Run:
        self._judge()
        self._run = _Run(boot, begins=begins)
        return self._run

    def _take_own(self, line: bytes) -> None:
        """Take what a record of the daemon itself explains; a malformed one explains nothing."""
        with contextlib.suppress(*MALFORMED):
            self._explain(json.loads(line))

    def _explain(self, document: dict[str, Any]) -> None:
        # ECS and OCSF keep members without a field of theirs under our names.
        fields: dict[str, Any] = {
            **document, **document.get("execaudit", {}), **document.get("unmapped", {}),
        }  # fmt: skip
        kind = _type_of(document)
        run = self._run
        if kind == "lost":
            if "sink" not in fields or fields["sink"] == "file":
                run.explained += int(fields.get("count", 0))
                self.lost += int(fields.get("count", 0))
        elif kind == "stop":
            run.bounded += _unrecorded(fields)
            run.is_open = False
        elif kind == "start":
            gap = fields.get("gap") or {}
            if gap.get("traced") and not gap.get("why"):
                run.explained += int(gap.get("repeated", 0))
                if run.is_open:  # killed, and nobody counted the self-checks
                    run.bounded += _unrecorded(fields.get("previous") or {})
                    run.is_inexact = True
            else:
                run = self._change(_boot_of(document), begins=not gap.get("traced"))
            run.is_open = True
        elif kind == "repair" and fields.get("programs"):
            is_open = run.is_open
            self._change(_boot_of(document), begins=False).is_open = is_open

    def _judge(self) -> None:
        """Compare the missing events of a run with those that its records explain."""
        run = self._run
        missing = run.missing() - run.explained
        if missing <= run.bounded:
            return
        count = missing - run.bounded
        if run.is_open or run.is_inexact:
            verb = "has" if count == 1 else "have"
            self._add(
                "not-counted", WHOLE, count,
                f"{verb} a number and no record: rules that drop, limits and the self-check do"
                " that; how many they were, the daemon had not said yet",
            )  # fmt: skip
        else:
            verb = "is" if count == 1 else "are"
            self._add(
                "unexplained", UNKNOWN, count,
                f"{verb} missing that no record explains, of boot {run.boot.decode()}: not"
                " written, or removed",
            )  # fmt: skip

    def _add(self, kind: str, verdict: int, count: int, text: str) -> None:
        subject = "1 event" if count == 1 else f"{count} events"
        self.findings.append(Finding(kind, verdict, f"{subject} {text}", lines=count))

    def end(self, *, is_sealed: bool) -> list[Finding]:
        """Return the findings. If seals show that no line was removed, they are notes."""
        self._judge()
        if not is_sealed:
            return self.findings
        return [finding._replace(verdict=WHOLE) for finding in self.findings]


def _type_of(document: dict[str, Any]) -> str:
    if "metadata" in document:
        return str(document["metadata"].get("event_code"))
    if "@timestamp" in document:
        return str(document["event"].get("dataset")).removeprefix("execaudit.")
    return str(document.get("type"))


def _boot_of(document: dict[str, Any]) -> bytes:
    device, host = document.get("device"), document.get("host")
    boot = document.get("boot") or (device or {}).get("boot_uid", "")
    if not boot and isinstance(host, dict):
        boot = host.get("boot", {}).get("id", "").replace("-", "")
    return str(boot).encode()[:_BOOT_DIGITS]


def _unrecorded(totals: dict[str, Any]) -> int:
    """Return how many events of a run have a number and no record, as far as counted."""
    return sum(int(totals.get(name, 0)) for name in ("dropped", "limited", "checks"))
