# SPDX-License-Identifier: Apache-2.0
"""Replacing a small file as a whole: readers see the old one or the new one, never a part."""

import contextlib
import os
from pathlib import Path


def replace_file(
    path: str | Path, data: bytes, *, mode: int = 0o600, owner: tuple[int, int] | None = None
) -> None:
    """Write a file beside its place, sync it and give it the name. Raises OSError.

    `mode` counts whatever the umask is. `owner` is (uid, gid), for root alone; None leaves the file
    to whoever writes it.
    """
    unfinished = Path(f"{path}.{os.getpid()}.part")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        unfinished.unlink(missing_ok=True)  # of a crash: in a container the same pid comes again
        with os.fdopen(os.open(unfinished, flags, mode), "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), mode)
            if owner is not None and os.geteuid() == 0:
                os.fchown(file.fileno(), *owner)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            unfinished.unlink()
        raise
