# SPDX-License-Identifier: Apache-2.0
"""Messages of a sink for the daemon's log.

Owns the texts until the daemon takes them, and their bound. No text has arguments of traced
programs.
"""

_MOST_TEXTS = 64
ERROR = 3
WARNING = 4
NOTICE = 5
"""Priorities, as syslog(3) numbers them."""

Notice = tuple[int, str]
"""(priority, text)."""


class Notices:
    """Texts for the log. A text that repeats before it is taken is counted."""

    def __init__(self) -> None:
        self._texts: dict[Notice, int] = {}

    def add(self, priority: int, text: str) -> None:
        """Add a text; safe from any thread."""
        notice = (priority, text)
        if notice in self._texts or len(self._texts) < _MOST_TEXTS:
            self._texts[notice] = self._texts.get(notice, 0) + 1

    def take(self) -> list[Notice]:
        """Remove and return the texts, oldest first."""
        if not self._texts:
            return []
        texts, self._texts = self._texts, {}
        return [
            (priority, text if times == 1 else f"{text} ({times} times)")
            for (priority, text), times in texts.items()
        ]
