# SPDX-License-Identifier: Apache-2.0
"""The daemon's priority, which its unit raises after the start if that is permitted.

Owns the check and the warning. It raises nothing itself: the sandbox denies that.
"""

import os

from execaudit.daemon.log import log
from execaudit.sinks.notices import WARNING

_WANTED = "EXECAUDIT_REALTIME"  # the unit sets it


def is_realtime() -> bool:
    """Return True if this process has realtime priority."""
    try:
        return os.sched_getscheduler(0) in (os.SCHED_RR, os.SCHED_FIFO)
    except OSError:  # a seccomp filter may refuse it
        return False


def warn_of_ordinary_priority() -> None:
    """Warn if the unit wants realtime priority and this process does not have it."""
    if os.environ.get(_WANTED) == "1" and not is_realtime():
        log(
            WARNING,
            "Failed to get realtime priority: not permitted here, running at ordinary priority;"
            " in a storm of execs more of them can be lost",
        )
