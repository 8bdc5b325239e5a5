# SPDX-License-Identifier: Apache-2.0
"""BLAKE2b (RFC 7693), without OpenSSL if Python has its own.

hashlib loads OpenSSL, which costs the daemon 3.5 MiB for good. Python's own implementation has no
public name: it is used if it is found, else hashlib is.
"""

import functools
import importlib
from typing import Any, Protocol

HASH_BYTES = 32

_MODULES = ("_blake2", "hashlib")


class Hash(Protocol):
    """The object that hashlib.blake2b() returns."""

    def update(self, data: bytes, /) -> None:
        """Add bytes."""

    def digest(self) -> bytes:
        """Return the hash of all so far."""

    def hexdigest(self) -> str:
        """Return the hash of all so far, in hexadecimal digits."""


def blake2b(data: bytes = b"", *, key: bytes | bytearray = b"", size: int = HASH_BYTES) -> Hash:
    """Return a hash of `size` bytes over `data` so far; with a key it is a MAC."""
    return _find()(data, digest_size=size, key=key)  # type: ignore[no-any-return]


@functools.cache
def _find() -> Any:
    for name in _MODULES:
        try:
            return importlib.import_module(name).blake2b
        except (ImportError, AttributeError):
            continue
    raise AssertionError("hashlib is part of Python")
