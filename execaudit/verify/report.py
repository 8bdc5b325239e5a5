# SPDX-License-Identifier: Apache-2.0
"""A verdict as text and as JSON.

Owns the layout: the verdict of each log first, then its findings, gravest first.
"""

from typing import Any, NamedTuple

from execaudit.records.quoting import make_printable
from execaudit.verify.findings import ALTERED, UNKNOWN, VERDICTS, WHOLE, Finding, weigh
from execaudit.verify.words import proof_of, say_time


class LogVerdict(NamedTuple):
    """The verdict on one log.

    Attributes:
        name: its name in messages.
        files: names of its files.
        first, last: first and last seal; None if there is none.
        lines: how many lines are sealed and unaltered.
        is_proved: all seals are proved by their keys.
        findings: the findings about it.
        events: how many records of execs and ends were read.
        lost: how many events are lost by its own records.

    """

    name: str
    files: list[str]
    first: dict[str, Any] | None
    last: dict[str, Any] | None
    lines: int
    is_proved: bool
    findings: list[Finding]
    events: int
    lost: int

    @property
    def verdict(self) -> int:
        """The verdict of this log."""
        return weigh([finding.verdict for finding in self.findings])

    def as_json(self) -> dict[str, Any]:
        """Return the verdict as JSON values."""
        shown: dict[str, Any] = {"log": self.name, "verdict": VERDICTS[self.verdict]}
        if self.first is not None and self.last is not None:
            shown |= {
                "chain": self.last.get("chain"),
                "host": self.last.get("host"),
                "first": self.first.get("time"),
                "last": self.last.get("time"),
                "epochs": [self.first.get("epoch"), self.last.get("epoch")],
                "proved": self.is_proved,
                "sealed_lines": self.lines,
                "last_seal": f"{self.last.get('epoch')}:{proof_of(self.last)[:16]}",
            }
        shown |= {"files": self.files, "events": self.events, "lost": self.lost}
        return {**shown, "findings": [finding.as_json() for finding in self.findings]}

    def as_text(self) -> str:
        """Return the verdict as text, without control characters."""
        lines = [f"{self.name}: {self._headline()}"]
        order = (ALTERED, UNKNOWN, WHOLE)
        for finding in sorted(self.findings, key=lambda one: order.index(one.verdict)):
            mark = {ALTERED: "ALTERED: ", UNKNOWN: "cannot tell: "}.get(finding.verdict, "")
            where = f" ({finding.where})" if finding.where else ""
            lines.append(f"  {mark}{finding.text}{where}")
        if self.lost:
            lines.append(f"  {self.lost} events were lost, as recorded")
        if self.last is not None:
            kept = f"{self.last.get('epoch')}:{proof_of(self.last)[:16]}"
            lines.append(f"  the last seal is {kept}: keep it, for --expect next time")
        return "\n".join(map(make_printable, lines))

    def _headline(self) -> str:
        if self.first is None or self.last is None:
            return "cannot tell"
        span = f"from {say_time(self.first)} to {say_time(self.last)}"
        if self.verdict == WHOLE:
            return f"whole: sealed and unaltered {span}"
        if self.verdict == ALTERED:
            return f"ALTERED, with seals {span}"
        return f"cannot tell, with seals {span}"
