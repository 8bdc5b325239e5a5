# SPDX-License-Identifier: Apache-2.0
"""When a log is sealed, and that the key goes on only behind a seal that is on the disk.

Owns the pace of seals, and the order log, fdatasync, key state. What a seal says is the business of
`evidence.chain`, where its line goes that of `live_file`.
"""

import os
import zlib
from collections.abc import Callable
from pathlib import Path

from execaudit.background import Background
from execaudit.config.schema import Seal
from execaudit.errors import ExecauditError
from execaudit.evidence.chain import Chain
from execaudit.evidence.resume import resume
from execaudit.evidence.seal import Fields, read_seal
from execaudit.evidence.state import read_new_chain
from execaudit.formats.zstd_file import open_zstd
from execaudit.sinks.notices import WARNING, Notices
from execaudit.sinks.rotation import Generation, Series

_HEAD_BYTES = 256 << 10
_GZIP_WBITS = 31
_STOP_PATIENCE_S = 2.0
_MOST_SYNCS = 8  # each holds a descriptor while a disk hangs


class Sealing:
    """Seals the file that a sink writes.

    Attributes:
        chain: the chain of its seals.
        settings: the section [seal].

    """

    def __init__(
        self, chain: Chain, settings: Seal, encode: Callable[[Fields], bytes], notices: Notices
    ) -> None:
        self.chain = chain
        self.settings = settings
        self.encode = encode
        self._notices = notices
        self._syncing = Background("seal", _MOST_SYNCS)
        self._first_s: float | None = None  # when the first line that is not sealed was seen
        self._sealed_s = 0.0
        self._is_failing = False

    def resume(self, fd: int, path: str) -> None:
        """Take up what an earlier run wrote to the file."""
        try:
            problem = resume(self.chain, fd)
        except OSError as error:
            problem = error.strerror or str(error)
            self.chain.start_apart()
        if problem:
            self._notices.add(WARNING, f"'{path}' does not go on where it was sealed: {problem}")

    # -- one seal -----------------------------------------------------------------------------

    def make(self, reason: str, file: str) -> tuple[Fields, bytes]:
        """Return a seal over all that was written since the last one, and its line."""
        fields = self.chain.next_seal(reason, file)
        return fields, self.encode(fields)

    def sealed(self, seal: tuple[Fields, bytes], fd: int, now_s: float) -> None:
        """Go on behind a seal that was written; have the key before gone once it is on the disk."""
        self.chain.sealed(*seal)
        self._first_s = None
        self._sealed_s = now_s
        self._save(fd)

    def _save(self, fd: int, then: Callable[[], None] | None = None) -> None:
        own, state = os.dup(fd), self.chain.file.state.pack()

        def job() -> None:
            try:
                os.fdatasync(own)
                self.chain.file.write(state)
                self._is_failing = False
            except OSError as error:
                self._complain(error)
            finally:
                os.close(own)
            if then is not None:
                then()

        if not self._syncing.submit(job):
            os.close(own)

    def _complain(self, error: OSError) -> None:
        """Say that a seal is not on the disk; the key that made it stays until one is."""
        if not self._is_failing:
            self._is_failing = True
            self._notices.add(
                WARNING,
                f"Failed to sync a seal, or write '{self.chain.file.path}': {error.strerror}, keys"
                " of older seals stay on this host until it works",
            )

    def announce_chain(self, path: str) -> None:
        """Have the next seal name the chain that follows."""
        try:
            self.chain.mark_next_chain(read_new_chain(path))
        except ExecauditError as error:
            self._notices.add(WARNING, str(error))

    # -- when ---------------------------------------------------------------------------------

    def due_s(self, now_s: float) -> float:
        """Return when the next seal is due, by CLOCK_MONOTONIC."""
        if not self.chain.lines:
            return self._sealed_s + self.settings.idle_interval
        if self._first_s is None:
            self._first_s = now_s
        return self._first_s + self.settings.interval

    # -- retention ----------------------------------------------------------------------------

    def announce_removal(self, series: Series, expired: list[Generation]) -> None:
        """Have the next seal say which files are going to be removed."""
        gone = {one.name for one in expired}
        remaining = [
            series.full_path(one.name) for one in series.members()
            if not one.is_torn and one.name not in gone
        ]  # fmt: skip
        before = first_epoch(next(iter(remaining), series.path))
        names = [one.name for one in expired if not one.is_torn]
        self.chain.note_removed(names, before)

    def remove_after(self, fd: int, remove: Callable[[], None]) -> None:
        """Remove files once the seal that says so is on the disk."""
        self._save(fd, remove)

    def save_now(self, fd: int) -> None:
        """Write the key state, in which a removal is noted, and wait for the disk."""
        try:
            os.fdatasync(fd)
            self.chain.file.write(self.chain.file.state.pack())
        except OSError as error:
            self._complain(error)

    def stop(self) -> None:
        """Finish what is being synced."""
        self._syncing.stop(_STOP_PATIENCE_S, finish=True)


def first_epoch(path: str) -> int | None:
    """Return the epoch of the first seal of a file, which is near its beginning; None without."""
    try:
        lines = _read_head(path).split(b"\n")
    except (OSError, EOFError, zlib.error, ExecauditError):
        return None
    seals = (read_seal(line) for line in lines)
    fields = next((each for each in seals if each is not None), {})
    epoch = fields.get("epoch")
    return epoch if isinstance(epoch, int) else None


def _read_head(path: str) -> bytes:
    if path.endswith(".zst"):
        with open_zstd(path) as text:
            return text.read(_HEAD_BYTES)
    with Path(path).open("rb") as file:
        data = file.read(_HEAD_BYTES)
    if path.endswith(".gz"):
        return zlib.decompressobj(_GZIP_WBITS).decompress(data, _HEAD_BYTES)
    return data
