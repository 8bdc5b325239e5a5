# SPDX-License-Identifier: Apache-2.0
"""The key of the next seal, in a file that is overwritten in place.

Owns the file's layout, its permissions and its lock, and the step of the key from epoch to epoch.
The sink decides when to write it: after the seal made with the previous key is on the disk.
"""

import fcntl
import os
import stat
import struct
import threading
from pathlib import Path

from execaudit.errors import ExecauditError, NotConfigured
from execaudit.evidence.blake2 import blake2b
from execaudit.evidence.keys import KEY_BYTES, next_key

SECRET, PUBLIC = 1, 2

MOST_PERIODS = 1 << 16
"""Hours that certificates cover: seven years."""

# Magic, mode, place, hour of the seed, first hour, chain, epoch, its key, hash of the seal before,
# first epoch that is not removed, seed.
_LAYOUT = struct.Struct("<8sB3sII8sQ32s32sQ32s")
_MAGIC = b"EXSEAL1\n"
_CHECK_BYTES = 16
_PLACE_BYTES = 3
_CERTIFICATE_BYTES = 64
_LOCK = struct.Struct("@hhqqi")  # struct flock


class KeyState:
    """All that a daemon needs to make its next seal.

    Attributes:
        is_secret: seals have a MAC; else a signature.
        chain: name of the chain of seals.
        epoch: number of the next seal.
        key: its key; for signatures, the seed of its key pair.
        previous: hash of the line of the previous seal; zeros if there is none.
        removed_before: seals of lower epochs are not in the log any more.
        place: hash of the path of the log; zeros before it was written.
        period: for signatures, the hour of `seed`, since 1970.
        first_period: the hour of the first certificate.
        seed: the seed of the hour's key pair.

    """

    def __init__(self, key: bytes, chain: str, *, is_secret: bool) -> None:
        self.is_secret = is_secret
        self.chain = chain
        self.epoch = 0
        self.key = bytearray(key)
        self.previous = bytes(KEY_BYTES)
        self.removed_before = 0
        self.place = bytes(_PLACE_BYTES)
        self.period = self.first_period = 0
        self.seed = bytearray(KEY_BYTES)

    def evolve(self, line_hash: bytes) -> None:
        """Go on to the next epoch; `line_hash` is the hash of this epoch's written seal."""
        self.key[:] = next_key(self.key)
        self.epoch += 1
        self.previous = line_hash

    def enter_period(self, period: int) -> None:
        """Go on to an hour; key pairs of earlier hours are gone then."""
        for _ in range(min(period - self.period, MOST_PERIODS)):
            self.seed[:] = next_key(self.seed)
            self.period += 1

    def move_to(self, path: str) -> bool:
        """Note the path of the log; return True if it was another one."""
        before, self.place = self.place, blake2b(os.fsencode(path), size=_PLACE_BYTES).digest()
        return before not in (bytes(_PLACE_BYTES), self.place)

    def copy(self) -> "KeyState":
        """Return a copy."""
        return unpack(self.pack())

    def take(self, other: "KeyState") -> None:
        """Take over all values of another state."""
        self.__dict__ = other.__dict__

    def pack(self) -> bytes:
        """Return the bytes of the file."""
        data = _LAYOUT.pack(
            _MAGIC, SECRET if self.is_secret else PUBLIC, self.place, self.period,
            self.first_period, bytes.fromhex(self.chain), self.epoch, bytes(self.key),
            self.previous, self.removed_before, bytes(self.seed),
        )  # fmt: skip
        return data + blake2b(data, size=_CHECK_BYTES).digest()


def unpack(data: bytes) -> KeyState:
    """Return the state in the bytes of a file. Raises ValueError if it is damaged."""
    body, check = data[: _LAYOUT.size], data[_LAYOUT.size : _LAYOUT.size + _CHECK_BYTES]
    if len(body) != _LAYOUT.size or blake2b(body, size=_CHECK_BYTES).digest() != check:
        raise ValueError("its checksum is wrong")
    magic, mode, place, period, first, chain, epoch, key, previous, removed, seed = _LAYOUT.unpack(
        body
    )
    if magic != _MAGIC or mode not in (SECRET, PUBLIC):
        raise ValueError("it is of another version")
    state = KeyState(key, chain.hex(), is_secret=mode == SECRET)
    state.epoch, state.previous, state.removed_before, state.place = epoch, previous, removed, place
    state.period, state.first_period, state.seed = period, first, bytearray(seed)
    return state


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
