# SPDX-License-Identifier: Apache-2.0
"""Findings about a log, and the verdict over all.

Owns the three verdicts and the order of their weight. The code that finds something writes the
sentence.
"""

from typing import Any, NamedTuple

WHOLE, ALTERED, UNKNOWN = 0, 1, 2
"""Verdicts; each is the exit status of `execaudit verify`."""

VERDICTS = {WHOLE: "whole", ALTERED: "altered", UNKNOWN: "cannot tell"}


_MOST = 200


class Finding(NamedTuple):
    """One finding.

    Attributes:
        kind: a word for machines (docs/evidence.md lists all).
        verdict: its verdict on the log: WHOLE for a mere note.
        text: a sentence.
        where: file and lines; "" if it is about the log as a whole.
        epochs: the first and last seal that it is about.
        lines: how many lines or records it is about.

    """

    kind: str
    verdict: int
    text: str
    where: str = ""
    epochs: tuple[int, int] | None = None
    lines: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
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
    """The findings about a log, up to 200."""

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
