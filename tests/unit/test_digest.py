# SPDX-License-Identifier: Apache-2.0
"""SHA-256, whatever this Python has of its own."""

import hashlib

import pytest

from execaudit.config.digest import sha256


def digest_of(data: bytes) -> str:
    digest = sha256()
    digest.update(data[:3])
    digest.update(data[3:])
    return digest.hexdigest()


def test_digest_is_sha256() -> None:
    assert digest_of(b"some bytes") == hashlib.sha256(b"some bytes").hexdigest()


def test_python_without_an_implementation_of_its_own_takes_hashlib(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("execaudit.config.digest._MODULES", ("no_such_module", "string", "hashlib"))

    assert digest_of(b"some bytes") == hashlib.sha256(b"some bytes").hexdigest()
