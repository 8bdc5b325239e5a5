# SPDX-License-Identifier: Apache-2.0
"""The content of a log file; its name tells if and how it is compressed."""

import io
import os
import stat
from typing import IO, cast

from execaudit.formats.zstd_file import open_zstd

COMPRESSED = (".gz", ".zst")
"""Suffixes of compressed files."""


def open_content(path: str) -> IO[bytes]:
    """Open the content of a file: plain, .gz or .zst, as the daemon leaves it.

    Raises OSError, and NotConfigured if no module for zstd is installed. Reading a damaged
    compressed file raises EOFError, zlib.error or OSError.
    """
    if path.endswith(".gz"):
        import gzip  # noqa: PLC0415 - the daemon needs it after a crash, if ever

        return cast("IO[bytes]", gzip.open(path))
    if path.endswith(".zst"):
        return open_zstd(path)
    return open(path, "rb")


def is_cut(file: IO[bytes]) -> bool:
    """Return True if a plain file, read to its end, has become shorter: others have emptied it."""
    if not isinstance(file, io.BufferedReader) or not isinstance(file.raw, io.FileIO):
        return False
    status = os.fstat(file.fileno())
    return stat.S_ISREG(status.st_mode) and status.st_size < file.tell()
