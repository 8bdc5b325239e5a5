# SPDX-License-Identifier: Apache-2.0
"""What was found in a log, and what it comes to.

Owns the three verdicts and the order of their weight. Whoever finds something writes the sentence.
"""

from typing import Any, NamedTuple

WHOLE, ALTERED, UNKNOWN = 0, 1, 2
"""Verdicts; each is the exit status of `execaudit verify`."""

VERDICTS = {WHOLE: "whole", ALTERED: "altered", UNKNOWN: "cannot tell"}


_MOST = 200


class Finding(NamedTuple):
    """One thing that there is to say.

    Attributes:
        kind: a word for machines (docs/evidence.md lists all).
        verdict: what the log is for it: WHOLE for what is merely worth saying.
        text: a sentence.
        where: file and lines; empty where it is of the log as a whole.
        epochs: the first and last seal that it is about.
        lines: how many lines or records.

    """

    kind: str
    verdict: int
    text: str
    where: str = ""
    epochs: tuple[int, int] | None = None
    lines: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for machines."""
        shown: dict[str, Any] = {
            "kind": self.kind, "verdict": VERDICTS[self.verdict], "text": self.text,
        }  # fmt: skip
        if self.where:
            shown["where"] = self.where
        if self.epochs is not None:
            shown["epochs"] = list(self.epochs)
        if self.lines is not None:
            shown["lines"] = self.lines
        return shown


class Findings(list[Finding]):
    """All that there is to say of a log, up to a bound."""

    def add(
        self,
        kind: str,
        verdict: int,
        text: str,
        where: object = "",
        *,
        epochs: tuple[int, int] | None = None,
        lines: int | None = None,
    ) -> None:
        """Add a finding."""
        if len(self) < _MOST:
            self.append(Finding(kind, verdict, text, str(where), epochs, lines))


def weigh(verdicts: list[int]) -> int:
    """Return the verdict over all: altered before cannot tell before whole."""
    return max(verdicts, key=(WHOLE, UNKNOWN, ALTERED).index, default=WHOLE)
