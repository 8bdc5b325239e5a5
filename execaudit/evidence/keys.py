# SPDX-License-Identifier: Apache-2.0
"""Keys of seals: deriving the next key, and the verifying key as a person keeps it.

Owns the derivation. The key of an epoch gives the keys of all later epochs and of no earlier one:
whoever takes it from the host cannot make seals of the past.
"""

import re

from execaudit.errors import InvalidArgument
from execaudit.evidence.blake2 import HASH_BYTES, blake2b

KEY_BYTES = HASH_BYTES

_NEXT = b"execaudit seal next"
_CHAIN = b"execaudit seal chain"
_CHAIN_BYTES = 8
_SECRET = "secret"  # noqa: S105 - a word
_PUBLIC = "public"
_is_text = re.compile(rf"({_SECRET}|{_PUBLIC}):([0-9a-f]{{64}})").fullmatch


def next_key(key: bytes | bytearray) -> bytes:
    """Return the key of the epoch after `key`."""
    return blake2b(_NEXT, key=key).digest()


def chain_of(first_key: bytes | bytearray) -> str:
    """Return the name of the chain of seals that begins with a key: 16 hexadecimal digits."""
    return blake2b(_CHAIN, key=first_key, size=_CHAIN_BYTES).hexdigest()


class VerifyingKey:
    """The key that an auditor keeps.

    Attributes:
        is_secret: it is the first key itself, and its owner can make seals. Else it is the public
            key that certifies the keys of the chain.
        key: 32 bytes.
        chain: name of the chain.

    """

    def __init__(self, key: bytes, *, is_secret: bool) -> None:
        self.key = key
        self.is_secret = is_secret
        self.chain = chain_of(key)

    def __str__(self) -> str:
        digits = self.key.hex()
        groups = "-".join(digits[at : at + 8] for at in range(0, len(digits), 8))
        return f"{_SECRET if self.is_secret else _PUBLIC}:{groups}"


def read_verifying_key(text: str) -> VerifyingKey:
    """Return the key in a text. Raises InvalidArgument."""
    found = _is_text(re.sub(r"[\s-]", "", text).lower())
    if found is None:
        raise InvalidArgument(
            "Failed to use verifying key: expected 'secret:' or 'public:' and 64 hexadecimal"
            " digits, as 'execaudit seal setup' shows it"
        )
    return VerifyingKey(bytes.fromhex(found[2]), is_secret=found[1] == _SECRET)
