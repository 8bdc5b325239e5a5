# SPDX-License-Identifier: Apache-2.0
"""The content of a log file; its name tells if and how it is compressed."""

from typing import IO, cast

from execaudit.formats.zstd_file import open_zstd


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
