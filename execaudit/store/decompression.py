# SPDX-License-Identifier: Apache-2.0
"""Compressed files as streams, which return the content up to where the file is damaged.

Owns gzip, at the speed of zlib and in bounded memory; `formats.zstd_file` owns zstd. It knows no
lines.
"""

import io
import zlib
from typing import BinaryIO, cast

from execaudit.formats.zstd_file import open_zstd

_WBITS = 31  # a gzip header and trailer, whose checksum zlib compares
_INPUT_BYTES = 128 << 10
_STEP_FACTOR = 32


class _Gzip(io.RawIOBase):
    """The content of the members of a gzip file. Closing it closes the file.

    Reading raises EOFError if the file ends within a member, and OSError if it is damaged.
    """

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._member = zlib.decompressobj(_WBITS)
        self._input = b""
        self._began = False
        self._step = _INPUT_BYTES

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes; b"" at the end."""
        while True:
            if self._member.eof:
                self._input = self._input.lstrip(b"\0")  # padding, as gzip(1) allows
                self._member, self._began = zlib.decompressobj(_WBITS), False
            if not self._input:
                self._input = self._file.read(_INPUT_BYTES) or b""
                if not self._input:
                    if self._began:
                        raise EOFError("ends in the middle")
                    return b""
            self._began = True
            before, rest = self._member.copy(), self._input[self._step :]
            try:
                data = self._member.decompress(self._input[: self._step], max(size, 0))
            except zlib.error as error:
                if self._step == 1:
                    raise OSError(None, f"is damaged: {error}") from error
                # zlib keeps nothing of a call that fails: find what is whole in smaller ones.
                self._member, self._step = before, max(self._step // _STEP_FACTOR, 1)
                continue
            if self._member.eof:
                self._input = self._member.unused_data + rest
            else:
                self._input = self._member.unconsumed_tail + rest
            if data:
                return data

    def close(self) -> None:
        self._file.close()
        super().close()


def open_compressed(path: str, suffix: str) -> BinaryIO:
    """Open the text of a file compressed as `suffix` says. Raises OSError or NotConfigured."""
    if suffix == ".zst":
        return cast("BinaryIO", open_zstd(path))
    return cast("BinaryIO", _Gzip(open(path, "rb", buffering=0)))
