# SPDX-License-Identifier: Apache-2.0
"""Diagnostics on standard error: for the journal with a priority, plain for a person.

Owns the form and the suppression of repetitions. No text has arguments or environments of traced
programs.
"""

import contextlib
import os
import sys
import time

_REPEAT_S = 60.0
_KEPT = 256
_NAMES = ("", "", "", "error", "warning", "notice", "info", "debug")
_last: dict[str, list[float]] = {}


def is_journal() -> bool:
    """Return True if standard error is a stream to journald (systemd.exec(5), $JOURNAL_STREAM)."""
    try:
        device, inode = os.environ["JOURNAL_STREAM"].split(":")
        status = os.fstat(2)
    except (KeyError, ValueError, OSError):
        return False
    return (status.st_dev, status.st_ino) == (int(device), int(inode))


def log(priority: int, text: str) -> None:
    """Print a text once, then count repetitions and print their number once a minute.

    An error, such as a full disk, is ignored: it is no reason to stop recording.
    """
    now = time.monotonic()
    seen = _last.get(text)
    if seen is not None and now - seen[0] < _REPEAT_S:
        seen[1] += 1
        return
    if seen is not None and seen[1]:
        text_shown = f"{text} ({int(seen[1])} times more in the last minute)"
    else:
        text_shown = text
    if len(_last) >= _KEPT:
        _last.clear()
    _last[text] = [now, 0]
    prefix = f"<{priority}>" if is_journal() else f"execaudit: {_NAMES[priority]}: "
    with contextlib.suppress(OSError):
        for line in map(_make_printable, text_shown.splitlines()):
            print(f"{prefix}{line}\n", end="", file=sys.stderr, flush=True)  # in one write


def _make_printable(line: str) -> str:
    """Return a line without control characters: somebody else may have named a file in it."""
    if line.isprintable():
        return line
    from execaudit.records.quoting import make_printable  # noqa: PLC0415 - seldom needed

    return make_printable(line)
