# SPDX-License-Identifier: Apache-2.0
"""The key of the next seal, with all else that a daemon needs to make it.

Owns the step of the key from epoch to epoch, and the bytes of a key state. `state` keeps them in a
file.
"""

import os
import struct

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
