# SPDX-License-Identifier: Apache-2.0
"""SHA-256, whatever this Python has of its own."""

import hashlib

import pytest

from execaudit.config import digest as digest_module


@pytest.mark.parametrize("others", [(), ("no_such_module", "string")])
def test_digest_is_sha256(others: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    if others:
        monkeypatch.setattr(digest_module, "_SHA_MODULES", (*others, "hashlib"))
    digest = digest_module.sha256()
    digest.update(b"some")
    digest.update(b" bytes")

    assert digest.hexdigest() == hashlib.sha256(b"some bytes").hexdigest()
