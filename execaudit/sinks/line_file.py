# SPDX-License-Identifier: Apache-2.0
"""A log file: opened safely, appended to in whole lines and no others.

Owns one descriptor, who may own the file and its directory, and what becomes of a line that a
failing disk took only half of. Decides nothing about rotation, retention or retries.
"""

import contextlib
import errno
import fcntl
import grp
import os
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING

from execaudit.errors import ExecauditError, NotConfigured

if TYPE_CHECKING:
    from collections.abc import Callable

_FLAGS = (
    os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    | os.O_NOCTTY | os.O_NONBLOCK  # a FIFO put in its place must not stop us
)  # fmt: skip
_WRITABLE_FOR_OTHERS = 0o002
_LOCK = struct.Struct("@hhqqi")  # struct flock: l_type, l_whence, l_start, l_len, l_pid


class Refused(ExecauditError):  # noqa: N818 - what happened, not an accident
    """What lies at the path is not ours to write: a link, a device, another's file."""


class Held(Refused):
    """Another process writes to the file."""

    exit_status = NotConfigured.exit_status


class LineFile:
    """An open log file, which no other process can open as one meanwhile.

    Attributes:
        notes: what could not be set as configured.
        note_written: called with whole lines once all of their bytes are in the file.

    """

    def __init__(self, path: str, mode: int, gid: int | None, *, exclusive: bool = False) -> None:
        """Open the file, make it if need be; it must not exist yet if `exclusive`.

        Its directory must exist. `gid` None: the group of the process or of a setgid directory.
        Raises Refused or OSError.
        """
        self.path = path
        self.notes: list[str] = []
        self.note_written: Callable[[bytes], None] | None = None
        self._rest = self._half = b""
        self._half_note: Callable[[bytes], None] | None = None
        _check_directory(os.path.dirname(path) or ".")  # noqa: PTH120
        flags = _FLAGS | (os.O_EXCL if exclusive else 0)
        try:
            self.fd = os.open(path, flags, mode & 0o777)
        except OSError as error:
            # What O_NOFOLLOW and O_NONBLOCK make of links and FIFOs without a reader.
            if error.errno in (errno.ELOOP, errno.ENXIO, errno.EISDIR):
                raise Refused(f"Failed to open '{path}': it is not a regular file") from error
            raise
        try:
            self._check()
            self._lock()
            self.set_attributes(mode, gid)
        except BaseException:
            os.close(self.fd)
            raise

    def _check(self) -> None:
        status = os.fstat(self.fd)
        self._identity = status.st_dev, status.st_ino  # no other's while we have it open
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"Failed to open '{self.path}': it is not a regular file")
        if status.st_uid not in (0, os.geteuid()):
            raise Refused(
                f"Failed to open '{self.path}': it belongs to uid {status.st_uid}, not to the user"
                f" of this process ({os.geteuid()}) or root"
            )
        if status.st_nlink > 1:
            raise Refused(f"Failed to open '{self.path}': it has {status.st_nlink} hard links")

    def _lock(self) -> None:
        """Keep other processes from writing here, until the last copy of the descriptor is closed.

        A lock of the open file description (fcntl(2)): closing a copy leaves it, unlike locks of
        the process. Readers may lock too, which must not keep us from writing: we go on without.
        """
        want = _LOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        try:
            fcntl.fcntl(self.fd, fcntl.F_OFD_SETLK, want)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                return  # a file system without locks
            found = _LOCK.unpack(fcntl.fcntl(self.fd, fcntl.F_OFD_GETLK, want))
            if found[0] == fcntl.F_WRLCK:
                raise Held(
                    f"Failed to open '{self.path}': {_find_writer(self.fd)} writes to it; each"
                    " execaudit needs a file of its own ([file] path)"
                ) from error

    def set_attributes(self, mode: int, gid: int | None) -> None:
        """Give it the mode and group configured; what is refused goes into `notes`."""
        self.mode, self.gid = mode, gid
        status = os.fstat(self.fd)
        if gid is not None and status.st_gid != gid:
            try:
                os.fchown(self.fd, -1, gid)
            except OSError as error:
                group, now = _group_name(gid), _group_name(status.st_gid)
                self.notes.append(
                    f"Failed to give '{self.path}' to group {group}: {error.strerror}, leaving it"
                    f" to group {now}. A service gives it to no group but its own: set"
                    f" Group={group} for it, as the drop-in log-group does"
                )
        if stat.S_IMODE(status.st_mode) != mode:
            try:
                os.fchmod(self.fd, mode)
            except OSError as error:
                self.notes.append(
                    f"Failed to set mode {mode:04o} of '{self.path}': {error.strerror}, leaving it"
                    f" at {stat.S_IMODE(status.st_mode):04o}"
                )

    def append(
        self, data: bytes, note: "Callable[[bytes], None] | None" = None
    ) -> tuple[int, OSError | None]:
        """Append whole lines; how many bytes of them, in whole lines, the file has, and the error.

        A line that was written in part is taken back. Where that is refused (append-only files,
        failing disks) it counts as written, and its rest goes before anything else.
        `note` is called instead of `note_written`, also when that is done.
        """
        if self._rest:
            try:
                self.finish_line()
            except OSError as error:
                return 0, error
        done, failure = self._write(data)
        whole = done if failure is None else data.rfind(b"\n", 0, done) + 1
        if whole:
            self._note(data[:whole], note)
        if whole != done and not self._take_back(data[whole:done]):
            begin, whole = whole, data.index(b"\n", done) + 1
            self._rest, self._half, self._half_note = data[done:whole], data[begin:whole], note
        return whole, failure

    def finish_line(self) -> None:
        """Write the rest of a line that is half in the file, if there is one. Raises OSError."""
        if not self._rest:
            return
        done, error = self._write(self._rest)
        self._rest = self._rest[done:]
        if error is not None:
            raise error
        self._note(self._half, self._half_note)

    def _note(self, data: bytes, note: "Callable[[bytes], None] | None") -> None:
        note = note or self.note_written
        if note is not None:
            note(data)

    def _write(self, data: bytes) -> tuple[int, OSError | None]:
        done = 0
        try:
            while done != len(data):
                # Short: nearly always the last bytes there were, and the next call says why.
                written = os.write(self.fd, memoryview(data)[done:] if done else data)
                if not written:
                    return done, OSError(errno.EIO, os.strerror(errno.EIO))
                done += written
        except OSError as error:
            return done, error
        return done, None

    def _take_back(self, part: bytes) -> bool:
        try:
            size = os.fstat(self.fd).st_size
            # Only what is certainly ours: others may have truncated or written.
            if os.pread(self.fd, len(part), max(size - len(part), 0)) != part:
                return False
            os.ftruncate(self.fd, size - len(part))
        except OSError:
            return False
        return True

    def size(self) -> int:
        """Bytes in the file."""
        return os.fstat(self.fd).st_size

    def is_unlinked(self) -> bool:
        """Return True if the file has no name: what is written is lost when it is closed."""
        return os.fstat(self.fd).st_nlink == 0

    def size_at_path(self) -> int | None:
        """Bytes in the file; None where the path leads to it no longer: moved, removed, replaced.

        Raises OSError where it cannot be found out.
        """
        try:
            there = os.stat(self.path, follow_symlinks=False)  # noqa: PTH116 - once per batch
        except (FileNotFoundError, NotADirectoryError):
            return None
        return there.st_size if (there.st_dev, there.st_ino) == self._identity else None

    def close(self) -> None:
        """Close the descriptor."""
        with contextlib.suppress(OSError):  # e.g. EIO of a write long since reported by none
            os.close(self.fd)


def _group_name(gid: int) -> str:
    """Return the name of a group, or its number."""
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def find_group(name: str) -> int | None:
    """Return the group of that name, None for the empty one. Raises NotConfigured."""
    try:
        return grp.getgrnam(name).gr_gid if name else None
    except KeyError:
        raise NotConfigured(
            f"Failed to use group '{name}' (file.group): no such group on this host"
        ) from None


def _find_writer(fd: int) -> str:
    """Name the process that has locked the file, as far as /proc shows us others' files.

    The kernel does not say: such locks belong to no process (F_OFD_GETLK gives -1).
    """
    status = os.fstat(fd)
    for info in Path("/proc").glob("[0-9]*/fdinfo/*"):
        with contextlib.suppress(OSError):
            process = info.parents[1]
            if os.path.samestat((process / "fd" / info.name).stat(), status) and (
                "OFDLCK" in info.read_text()
            ):
                return f"process {process.name}"
    return "another process"


def _check_directory(directory: str) -> None:
    """Refuse a directory in which others could put something else in our file's place.

    Every directory on the way must belong to root or to us and be writable for others only with
    the sticky bit; the last one not even then, and it must be no symbolic link. Raises OSError
    where there is none.
    """
    status = Path(directory).lstat()
    if stat.S_ISLNK(status.st_mode):
        raise Refused(f"Failed to use directory '{directory}': it is a symbolic link")
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), directory)
    if status.st_mode & _WRITABLE_FOR_OTHERS:
        raise Refused(f"Failed to use directory '{directory}': everybody can write to it")
    real = Path(directory).resolve()
    # The way as written too: a link in it is as good as the directory that holds it.
    for above in dict.fromkeys((real, *real.parents, *Path(directory).absolute().parents)):
        status = above.stat()
        if status.st_uid not in (0, os.geteuid()):
            raise Refused(
                f"Failed to use directory '{directory}': '{above}' belongs to uid"
                f" {status.st_uid}, not to the user of this process ({os.geteuid()}) or root"
            )
        if status.st_mode & _WRITABLE_FOR_OTHERS and not status.st_mode & stat.S_ISVTX:
            raise Refused(
                f"Failed to use directory '{directory}': everybody can write to '{above}'"
            )
