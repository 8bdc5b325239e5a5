# SPDX-License-Identifier: Apache-2.0
"""Works on pieces of logs on all processors; the results come in the order of the pieces.

Owns the child processes: each takes every n-th piece, and sends its results through a pipe. If a
child dies, its pieces have no result.
"""

import contextlib
import marshal
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, NamedTuple

from execaudit.query.parallel import LEAST_BYTES, Progress, bytes_of, processors
from execaudit.store.log import Piece

_SIZE_BYTES = 8

Work = Callable[[Piece, Callable[[int], None]], Any]
"""Takes a piece and a function to report bytes read; returns a value for marshal."""


class Done(NamedTuple):
    """The result of a piece; None if its process ended early."""

    piece: Piece
    result: Any


class Piecework:
    """Work to be done on pieces.

    Attributes:
        progress: bytes read so far.
        total_bytes: bytes to be read.

    """

    def __init__(self, pieces: Sequence[Piece], work: Work, workers: int | None = None) -> None:
        self._pieces = list(pieces)
        self._work = work
        self.total_bytes = sum(map(bytes_of, pieces))
        workers = min(workers or processors(), len(pieces))
        self._workers = workers if self.total_bytes >= LEAST_BYTES else 1
        self.progress = Progress(max(self._workers, 1))

    def results(self) -> Iterator[Done]:
        """Yield the result of each piece, in order."""
        if self._workers < 2:
            for piece in self._pieces:
                yield Done(piece, self._work(piece, lambda size: self.progress.add(0, size)))
            return
        children: list[tuple[int, BinaryIO]] = []
        try:
            for slot in range(self._workers):
                children.append(self._fork(slot, children))
            for index, piece in enumerate(self._pieces):
                yield Done(piece, _receive(children[index % self._workers][1]))
        finally:
            for pid, stream in children:
                stream.close()
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # without effect on one that is done
                os.waitpid(pid, 0)

    def _fork(self, slot: int, others: list[tuple[int, BinaryIO]]) -> tuple[int, BinaryIO]:
        read_end, write_end = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
        if pid:
            os.close(write_end)
            return pid, os.fdopen(read_end, "rb")
        status = 1
        try:
            os.close(read_end)
            for _, stream in others:
                os.close(stream.fileno())
            with os.fdopen(write_end, "wb") as out:
                for piece in self._pieces[slot :: self._workers]:
                    result = self._work(piece, lambda size: self.progress.add(slot, size))
                    data = marshal.dumps(result)
                    out.write(len(data).to_bytes(_SIZE_BYTES, "little"))
                    out.write(data)
                    out.flush()
            status = 0
        except (BrokenPipeError, KeyboardInterrupt):
            status = 0
        finally:
            os._exit(status)


def _receive(stream: BinaryIO) -> Any:
    head = stream.read(_SIZE_BYTES)
    size = int.from_bytes(head, "little")
    data = stream.read(size) if len(head) == _SIZE_BYTES else b""
    if not data or len(data) < size:
        return None
    return marshal.loads(data)  # noqa: S302 - our own child's
