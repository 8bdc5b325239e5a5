# SPDX-License-Identifier: Apache-2.0
"""SHA-256 without OpenSSL."""

import importlib
from typing import Any

_SHA_MODULES = ("_sha2", "_sha256", "hashlib")  # from 3.12 on; before; always


def sha256() -> Any:
    """Return a new digest as hashlib.sha256() does, without OpenSSL where Python can.

    hashlib loads OpenSSL, which costs the daemon 3.5 MiB for good. Python's own implementation has
    no public name: where it is not found, hashlib makes the digest.
    """
    for name in _SHA_MODULES:
        try:
            return importlib.import_module(name).sha256()
        except (ImportError, AttributeError):
            continue
    raise AssertionError("hashlib is part of Python")
