# SPDX-License-Identifier: Apache-2.0
"""`execaudit rotate --prune`: the number of rotated files to keep, passed in a file.

Owns that file, beside the status file: a signal carries no number.
"""

import os
from pathlib import Path

_FLAGS = os.O_NOFOLLOW | os.O_CLOEXEC
_MOST_BYTES = 32


def _path(status_path: str) -> Path:
    return Path(f"{status_path}.prune")


def request_prune(status_path: str, keep: int) -> None:
    """Write the request; the caller sends the signal. Raises OSError."""
    path = _path(status_path)
    path.unlink(missing_ok=True)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FLAGS, 0o644)
    try:
        os.fchmod(fd, 0o644)  # the daemon is another user, whatever our umask
        os.write(fd, b"%d\n" % keep)
    finally:
        os.close(fd)


def take_prune(status_path: str) -> int | None:
    """Remove the request and return how many files to keep; None if there is no request."""
    path = _path(status_path)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | _FLAGS)
        try:
            is_ours = os.fstat(fd).st_uid in (0, os.geteuid())
            text = os.read(fd, _MOST_BYTES).strip()
        finally:
            os.close(fd)
        path.unlink()
    except OSError:
        return None
    return int(text) if is_ours and text.isdigit() else None
