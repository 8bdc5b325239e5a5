# SPDX-License-Identifier: Apache-2.0
"""Which events a sink takes, by what rules gave them."""

from dataclasses import dataclass

from execaudit.config.labels import SEVERITIES


@dataclass(frozen=True, slots=True)
class Selection:
    """By label, by severity. `min_severity` empty: any, none included."""

    labels: frozenset[str] = frozenset()
    min_severity: str = ""

    def takes(self, labels: tuple[str, ...], severity: str) -> bool:
        """Return True if an event with these is selected."""
        if self.labels and self.labels.isdisjoint(labels):
            return False
        if not self.min_severity:
            return True
        return bool(severity) and SEVERITIES.index(severity) >= SEVERITIES.index(self.min_severity)
