# SPDX-License-Identifier: Apache-2.0
"""The file of a key state, which is overwritten in place, and the one that replaces it.

Owns the file's permissions and its lock. The sink decides when to write it: after the seal made
with the previous key is on the disk.
"""

import fcntl
import os
import stat
import struct
import threading
from pathlib import Path

from execaudit.errors import ExecauditError, NotConfigured
from execaudit.evidence.key_state import KeyState, unpack

_CERTIFICATE_BYTES = 64
_LOCK = struct.Struct("@hhqqi")  # struct flock


class StateFile:
    """The file of a key state, locked: no second daemon seals with the same keys."""

    def __init__(self, path: str) -> None:
        """Raise ExecauditError if it is missing, damaged, readable by others, or in use.

        The same for a key pair where libsodium is not installed: no seal could be made.
        """
        self.path = path
        self._lock = threading.Lock()
        self._is_closed = False
        self._written = (0, 0)  # epoch, and first epoch that is not removed
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise ExecauditError(f"Failed to open '{path}': {error.strerror}") from error
        try:
            self._check()
            self.state = unpack(os.pread(self._fd, 4096, 0))
            if not self.state.is_secret:
                from execaudit.evidence import signing  # noqa: PLC0415 - loads libsodium

                signing.load()
        except ValueError as error:
            os.close(self._fd)
            raise NotConfigured(f"Failed to use key state '{path}': {error}") from None
        except BaseException:
            os.close(self._fd)
            raise

    def _check(self) -> None:
        status = os.fstat(self._fd)
        if not stat.S_ISREG(status.st_mode) or status.st_nlink != 1:
            raise ValueError("it is not a regular file with one name")
        if status.st_uid not in (0, os.geteuid()):
            raise ValueError(f"it belongs to uid {status.st_uid}")
        if status.st_mode & 0o077:
            raise ValueError("others can read it; chmod 600")
        try:
            self._lock_file(fcntl.F_WRLCK)
        except OSError:
            raise ValueError("another process makes seals with it") from None

    def _lock_file(self, kind: int) -> None:
        fcntl.fcntl(self._fd, fcntl.F_OFD_SETLK, _LOCK.pack(kind, os.SEEK_SET, 0, 0, 0))

    def write(self, state: KeyState) -> None:
        """Overwrite the file and sync it: the previous key is gone then. Raises OSError.

        Any thread may call it. An older state than the file has is not written, nor any after
        `close`.
        """
        order = (state.epoch, state.removed_before)
        with self._lock:
            if self._is_closed or order < self._written:
                return
            self._written = order
            os.pwrite(self._fd, state.pack(), 0)
            fd = os.dup(self._fd)  # to close the file must not take as long as a disk hangs
        try:
            os.fdatasync(fd)
        finally:
            os.close(fd)

    def certificate(self) -> bytes:
        """Return the certificate of the state's hour; empty if there is none."""
        try:
            with Path(certificates_path(self.path)).open("rb") as file:
                file.seek((self.state.period - self.state.first_period) * _CERTIFICATE_BYTES)
                data = file.read(_CERTIFICATE_BYTES)
        except OSError:
            return b""
        return data if len(data) == _CERTIFICATE_BYTES else b""

    def close(self) -> None:
        """Close and unlock it, also where a disk hangs: `write` may still sync it."""
        with self._lock:
            self._is_closed = True
            self._lock_file(fcntl.F_UNLCK)
            os.close(self._fd)


def certificates_path(path: str) -> str:
    """Return the path of the certificates of a key state."""
    return f"{path}.certificates"


def new_path(path: str) -> str:
    """Return the path of the key state that will replace the one in use."""
    return f"{path}.new"


def has_new_state(path: str) -> bool:
    """Return True if another key was set up."""
    return os.path.exists(new_path(path))  # noqa: PTH110 - Path's raises in a folder of others


def read_new_chain(path: str) -> str:
    """Return the name of the chain that will replace the one in use. Raises ExecauditError."""
    file = StateFile(new_path(path))
    file.close()
    return file.state.chain


def take_new_state(path: str) -> None:
    """Replace the key state in use by a new one. Raises OSError or ExecauditError.

    The old file is overwritten first: else the old key would stay on the disk. It may be called
    again after a crash at any point.
    """
    chosen = StateFile(new_path(path))
    chosen.close()
    for old, new in (
        (certificates_path(path), certificates_path(new_path(path))),
        (path, new_path(path)),
    ):
        if Path(old).exists() and Path(new).exists():
            with Path(old).open("r+b") as file:
                file.write(bytes(Path(old).stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        if Path(new).exists():
            Path(new).replace(old)
        elif chosen.state.is_secret:  # it has no certificates
            Path(old).unlink(missing_ok=True)


def make_folder(folder: Path, owner: tuple[int, int]) -> None:
    """Make the folder of the key state if there is none. Raises OSError."""
    if not folder.exists():
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, *owner)
