# SPDX-License-Identifier: Apache-2.0
"""A progress bar on standard error, for work that takes more than a second.

Owns the timer and the line on the terminal, which it clears before anything else is written there.
"""

import signal
import sys
import time
from collections.abc import Callable
from types import FrameType

_AFTER_S = 1.0
_EVERY_S = 0.2
_WIDTH = 30


class ProgressBar:
    """Shows how much of `total` is done; a context manager.

    `done` returns how much. Without a terminal as standard error, nothing is shown.
    """

    def __init__(self, total: int, done: Callable[[], int]) -> None:
        self._total = total
        self._done = done
        self._is_shown = False
        self._began_s = time.monotonic()
        self._is_active = total > 0 and sys.stderr.isatty()

    def __enter__(self) -> "ProgressBar":
        if self._is_active:
            signal.signal(signal.SIGALRM, self._show)
            signal.setitimer(signal.ITIMER_REAL, _AFTER_S, _EVERY_S)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Remove the bar, and show it no more."""
        if self._is_active:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            self._is_active = False
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False

    def _show(self, _: int, __: FrameType | None) -> None:
        share = min(self._done() / self._total, 1.0)
        full = int(share * _WIDTH)
        elapsed_s = time.monotonic() - self._began_s
        left = f", {elapsed_s / share - elapsed_s:.0f} s left" if share > 0.05 else ""
        bar = "#" * full + "." * (_WIDTH - full)
        sys.stderr.write(f"\r[{bar}] {share:4.0%}{left}\x1b[K")
        sys.stderr.flush()
        self._is_shown = True
