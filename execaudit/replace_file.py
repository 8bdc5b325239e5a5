# SPDX-License-Identifier: Apache-2.0
"""Replaces a small file as a whole: readers see the old one or the new one, never a part."""

import contextlib
import os
from pathlib import Path


def replace_file(
    path: str | Path,
    data: bytes,
    *,
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
    is_synced: bool = True,
) -> None:
    """Write a file beside its place, sync it if it is to survive a crash, and rename it.

    It has exactly `mode`, whatever the umask is. `owner` is (uid, gid), for root alone; None: the
    user of this process. Raises OSError; the old file stays then.
    """
    unfinished = Path(f"{path}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        unfinished.unlink(missing_ok=True)  # of another process of this number, which was killed
        with os.fdopen(os.open(unfinished, flags, mode), "wb") as file:
            file.write(data)
            if owner is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), *owner)
            os.fchmod(file.fileno(), mode)
            file.flush()
            if is_synced:
                os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
