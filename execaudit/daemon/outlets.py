# SPDX-License-Identifier: Apache-2.0
"""Each sink's share of a batch, and which records it takes.

Owns the selection. What fills the batches is `stage`, what empties them `flow`.
"""

from dataclasses import dataclass, field

from execaudit.config.labels import SEVERITIES


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

    form: str  # "journal", or one of formats.lines.FORMATS
    selection: Selection | None  # None: everything
    max_line_bytes: int = 0  # 0: as long as lines are
    batch: list[bytes] = field(default_factory=list)
    deselected: int = 0
