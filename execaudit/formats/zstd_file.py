# SPDX-License-Identifier: Apache-2.0
"""Reads a file that is compressed with zstd, with whichever module is installed.

Owns the frames: a file can have several, and must not end within one. It must not know lines.
"""

import io
from importlib import import_module
from typing import IO, Any

from execaudit.errors import NotConfigured

# Small, as its content can be thousands of times longer.
_CHUNK_BYTES = 16 << 10


class _Frames(io.RawIOBase):
    """The content of the frames of `file`. Closing it closes the file."""

    def __init__(self, file: IO[bytes], module: Any) -> None:
        self._file = file
        self._module = module
        self._frame: Any = None
        self._data = b""
        self._text = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._text:
            self._data = self._data or self._file.read(_CHUNK_BYTES)
            if not self._data:
                if self._frame is not None:
                    raise EOFError("Compressed file ended before the end of its last frame")
                return 0
            self._text = memoryview(self._decompress())
        count = min(len(buffer), len(self._text))
        buffer[:count] = self._text[:count]
        self._text = self._text[count:]
        return count

    def _decompress(self) -> bytes:
        if self._frame is None:
            decompressor = self._module.ZstdDecompressor()
            # The decompressor of python3-zstandard makes such objects.
            self._frame = getattr(decompressor, "decompressobj", lambda: decompressor)()
        try:
            text: bytes = self._frame.decompress(self._data)
        except self._module.ZstdError as error:
            raise OSError(str(error)) from error
        self._data = self._frame.unused_data if self._frame.eof else b""
        if self._frame.eof:
            self._frame = None
        return text

    def close(self) -> None:
        self._file.close()
        super().close()


def open_zstd(path: str) -> IO[bytes]:
    """Open the content of a file. Raises OSError, or NotConfigured without a module for zstd."""
    for name in ("compression.zstd", "zstandard"):  # the first is of Python 3.14
        try:
            module = import_module(name)
        except ImportError:
            continue
        return io.BufferedReader(_Frames(open(path, "rb"), module))
    raise NotConfigured(f"Failed to open '{path}': python3-zstandard is not installed")
