# SPDX-License-Identifier: Apache-2.0
"""The content of a log file, plain or compressed, as its name says."""

from typing import IO, cast

from execaudit.formats.zstd_file import open_zstd


def open_content(path: str) -> IO[bytes]:
    """Open a file as the daemon leaves it: plain, or rotated and compressed.

    Raises OSError, and NotConfigured where no module for zstd is installed. Reading a compressed
    file that is damaged raises EOFError, zlib.error or OSError.
    """
    if path.endswith(".gz"):
        import gzip  # noqa: PLC0415 - the daemon needs it after a crash, if ever

        return cast("IO[bytes]", gzip.open(path))
    if path.endswith(".zst"):
        return open_zstd(path)
    return open(path, "rb")
