# SPDX-License-Identifier: Apache-2.0
"""Removes secrets from recordings: from arguments and environments in records and chunks.

Owns where the bytes of a block are. A secret becomes a mark of the same length, so all lengths and
offsets of the recording stay true. `wire.record` has the layout.
"""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from execaudit.errors import InvalidArgument
from execaudit.records.recording import open_recording, pack_frame, read_frame
from execaudit.records.redact import Redactor
from execaudit.wire import record

_HEAD = struct.Struct(record.HEAD.format).unpack_from
_LENGTHS = struct.Struct("@8I").unpack_from  # argv_bytes to env_tail
_LENGTHS_AT = record.EXEC.offset("argv_bytes")
_CHUNK = struct.Struct("@4I").unpack_from  # area, offset, wanted, got
_CHUNK_AT = record.CHUNK.offset("area")
_CHUNK_DATA_AT = record.CHUNK.offset("data")
_HELD_BYTES = 64 << 20  # of frames that wait for the record of their chunks


class _Stretch(NamedTuple):
    """Bytes of a block: where in the block, and where in which frame."""

    offset: int
    frame: bytearray
    at: int
    length: int


_NOTHING = _Stretch(0, bytearray(), 0, 0)


class RecordingCleaner:
    """Cleans one recording; `cleaned` counts the records that held secrets."""

    def __init__(self, redactor: Redactor) -> None:
        self.records = 0
        self.cleaned = 0
        self._redactor = redactor
        self._chunks: dict[tuple[int, int, int], list[bytearray]] = {}

    def clean(self, path: str) -> Iterator[bytes]:
        """Yield the bytes of the recording without secrets. Raises InvalidArgument."""
        _, file = open_recording(path)
        with file:
            begin = file.tell()
            file.seek(0)
            yield file.read(begin)
            yield from self._clean_frames(file, path)

    def _clean_frames(self, file: BinaryIO, path: str) -> Iterator[bytes]:
        held: list[tuple[bytes, bytearray]] = []
        size = 0
        while True:
            try:
                tag, data = read_frame(file)
            except ValueError as error:
                raise InvalidArgument(f"Failed to read '{path}': it is damaged") from error
            frame = bytearray(data)
            if tag == b"R":
                self._take(frame)
            held.append((tag, frame))
            size += len(frame)
            if not tag or not self._chunks or size > _HELD_BYTES:
                self._give_up()
                yield b"".join(pack_frame(tag, bytes(frame)) for tag, frame in held if tag)
                held, size = [], 0
            if not tag:
                return

    def _take(self, frame: bytearray) -> None:
        """Clean an exec record, with its chunks; keep a chunk until its record comes."""
        if len(frame) < record.HEAD_BYTES:
            return
        _, kind, _, hook, _, seq, _, cpu, _, _ = _HEAD(frame)
        key = (cpu, hook, seq)
        if kind == record.KIND_CHUNK and len(frame) > _CHUNK_DATA_AT:
            self._chunks.setdefault(key, []).append(frame)
        elif kind in (record.KIND_EXEC, record.KIND_FAILURE) and len(frame) >= record.EXEC_BYTES:
            chunks = self._chunks.pop(key, [])
            self.records += 1
            argv, env = _inline(frame)
            is_dirty = self._mask(argv, chunks, record.AREA_ARGV)
            is_dirty |= self._mask(env, chunks, record.AREA_ENV)
            self.cleaned += is_dirty

    def _give_up(self) -> None:
        """Clean the chunks whose record did not come."""
        for chunks in self._chunks.values():
            for area in (record.AREA_ARGV, record.AREA_ENV):
                self.cleaned += self._mask(_NOTHING, chunks, area)
        self._chunks.clear()

    def _mask(self, inline: _Stretch, chunks: list[bytearray], area: int) -> bool:
        """Mask the secrets of a block; return True if it had any."""
        stretches = [inline] if inline.length else []
        for frame in chunks:
            of_area, offset, _, got = _CHUNK(frame, _CHUNK_AT)
            if of_area == area and got:
                length = min(got, len(frame) - _CHUNK_DATA_AT)
                stretches.append(_Stretch(offset, frame, _CHUNK_DATA_AT, length))
        stretches.sort(key=lambda stretch: stretch.offset)
        words, offsets, gaps = _split(stretches)
        found = self._redactor.explain(words, gaps)
        for secret in found:
            start = offsets[secret.argument] + secret.start
            length = secret.end - secret.start
            mark = f"<redacted:{secret.name}>".encode()
            _write(stretches, start, mark[:length].ljust(length, b"*"))
        return bool(found)


def _inline(frame: bytearray) -> tuple[_Stretch, _Stretch]:
    """Return the arguments and the environment within a record: the last of its bytes."""
    _, argv, _, _, _, env, _, _ = _LENGTHS(frame, _LENGTHS_AT)
    argv = min(argv, len(frame) - record.EXEC_BYTES)
    env = min(env, len(frame) - record.EXEC_BYTES - argv)
    argv_at = len(frame) - argv
    return _Stretch(0, frame, argv_at, argv), _Stretch(0, frame, argv_at - env, env)


def _split(stretches: list[_Stretch]) -> tuple[list[bytes], list[int], list[int]]:
    """Return strings, their offsets in the block, and the indexes of those that a gap cuts."""
    words: list[bytes] = []
    offsets: list[int] = []
    gaps: list[int] = []
    is_cut = False
    for begin, data in _join(stretches):
        if is_cut:
            gaps.append(len(words) - 1)
        at = begin
        for word in data.removesuffix(b"\0").split(b"\0"):
            words.append(word)
            offsets.append(at)
            at += len(word) + 1
        is_cut = not data.endswith(b"\0")
    return words, offsets, gaps


def _join(stretches: list[_Stretch]) -> Iterator[tuple[int, bytes]]:
    """Yield offset and bytes of each run of stretches without a gap."""
    parts: list[bytes] = []
    begin = end = 0
    for stretch in stretches:
        if parts and stretch.offset != end:
            yield begin, b"".join(parts)
            parts = []
        begin = begin if parts else stretch.offset
        parts.append(bytes(stretch.frame[stretch.at : stretch.at + stretch.length]))
        end = stretch.offset + stretch.length
    if parts:
        yield begin, b"".join(parts)


def _write(stretches: list[_Stretch], offset: int, data: bytes) -> None:
    """Write bytes into a block, wherever its stretches lie."""
    for stretch in stretches:
        begin = max(offset, stretch.offset)
        end = min(offset + len(data), stretch.offset + stretch.length)
        if begin < end:
            at = stretch.at + begin - stretch.offset
            stretch.frame[at : at + end - begin] = data[begin - offset : end - offset]
