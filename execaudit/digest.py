# SPDX-License-Identifier: Apache-2.0
"""SHA-256 without OpenSSL, which hashlib loads: it would cost the daemon 4 MiB of memory.

Owns the choice of Python's own implementation: `_sha2` from 3.12 on, `_sha256` before, and hashlib
where an interpreter was built without.
"""

import importlib
from typing import Protocol


class Digest(Protocol):
    """What hashlib.sha256() gives."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all so far, 64 hexadecimal digits."""


def sha256() -> Digest:
    """Begin a digest."""
    for name in ("_sha2", "_sha256", "hashlib"):
        try:
            digest: Digest = importlib.import_module(name).sha256()
        except ImportError:
            continue
        return digest
    raise AssertionError("hashlib is part of Python")
