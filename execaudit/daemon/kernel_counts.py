# SPDX-License-Identifier: Apache-2.0
"""Counts of the kernel side, for a daemon that goes on if they cannot be read.

Owns what is used instead, and the warning. It must not know what the counts mean.
"""

from execaudit.daemon.log import log
from execaudit.errors import failed_call
from execaudit.kernel.capture import Capture
from execaudit.sinks.notices import WARNING

Counters = tuple[list[list[bytes]], dict[int, int]]
"""Values of the map "slots" by hook and processor, and runs that the kernel skipped by hook."""


class KernelCounts:
    """Reads the counts of one capture."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._dropped = 0

    def counters(self) -> Counters | None:
        """Return the counters that show losses; None if they cannot be read now."""
        try:
            return self._capture.slots(), self._capture.misses()
        except OSError as error:
            failure = failed_call("read the kernel's counts", error)
            log(WARNING, f"{failure}, reporting what was lost when they can be read")
            return None

    def dropped(self) -> int:
        """Return how many events rules in the kernel dropped; the last known if unreadable now."""
        try:
            self._dropped = self._capture.dropped()
        except OSError as error:
            log(WARNING, f"{failed_call('count what the kernel dropped', error)}, using the last")
        return self._dropped
