# SPDX-License-Identifier: Apache-2.0
"""SHA-256 without OpenSSL where Python has it.

hashlib loads OpenSSL, which costs the daemon 3.5 MiB for good. Python's own implementation has no
public name: it is taken where it is found, else hashlib does. Written in Python it would take 14 ms
for 16 KiB of configuration, 0.5 s for the compiled programs.
"""

import importlib
from typing import Protocol

_MODULES = ("_sha2", "_sha256", "hashlib")  # from 3.12 on; before; always


class Digest(Protocol):
    """What hashlib.sha256() gives."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""

    def hexdigest(self) -> str:
        """Return the digest of all so far, 64 hexadecimal digits."""


def sha256() -> Digest:
    """Begin a digest."""
    for name in _MODULES:
        try:
            digest: Digest = importlib.import_module(name).sha256()
        except (ImportError, AttributeError):
            continue
        return digest
    raise AssertionError("hashlib is part of Python")
