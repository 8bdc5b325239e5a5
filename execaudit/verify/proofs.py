# SPDX-License-Identifier: Apache-2.0
"""Decides if a seal was made with the keys of its chain.

Owns following keys from seal to seal. A seal is proved, disproved, or undecided: without the
verifying key of its chain, or before the first certificate.
"""

from collections.abc import Sequence
from typing import Any

from execaudit.errors import MALFORMED
from execaudit.evidence.keys import VerifyingKey, next_key
from execaudit.evidence.seal import hour_of, make_mac, sealed_text
from execaudit.evidence.signing import certificate_message, seal_message
from execaudit.verify.ed25519 import verifies

_MOST_EPOCHS = 100_000_000  # of a century; who writes more into a seal gains nothing
_STRIDE = 1 << 16


class _Keys:
    """The keys of a chain by epoch; each one follows from the one before.

    Every 65,536th is kept: seals that name far epochs, in any order, cost that many steps once.
    """

    def __init__(self, first: bytes) -> None:
        self._marks = [first]
        self._last = 0, first  # epoch and key

    def key(self, epoch: int) -> bytes:
        """Return the key of an epoch."""
        mark = min(epoch // _STRIDE, len(self._marks) - 1)
        at, key = mark * _STRIDE, self._marks[mark]
        if at <= self._last[0] <= epoch:
            at, key = self._last
        while at < epoch:
            key = next_key(key)
            at += 1
            if at == len(self._marks) * _STRIDE:
                self._marks.append(key)
        self._last = at, key
        return key


class Proofs:
    """The known verifying keys, and how far each was followed."""

    def __init__(self, keys: Sequence[VerifyingKey]) -> None:
        self._keys = {key.chain: key for key in keys}
        self._secret = {key.chain: _Keys(key.key) for key in keys if key.is_secret}
        self._reached: dict[str, tuple[int, bytes]] = {}  # epoch and its public key, by chain

    def has_key(self, chain: str) -> bool:
        """Return True if the verifying key of a chain is known."""
        return chain in self._keys

    def check(self, fields: dict[str, Any]) -> bool | None:
        """Return True if a seal is genuine, False if it is not, None if that is undecided."""
        key = self._keys.get(str(fields.get("chain")))
        if key is None:
            return None
        try:
            if key.is_secret:
                return self._has_mac(key, fields)
            return self._has_signature(key, fields)
        except MALFORMED:
            return False

    def _has_mac(self, key: VerifyingKey, fields: dict[str, Any]) -> bool:
        epoch = fields["epoch"]
        if epoch > _MOST_EPOCHS:
            return False
        return bool(make_mac(fields, self._secret[key.chain].key(epoch)) == fields["mac"])

    def _has_signature(self, key: VerifyingKey, fields: dict[str, Any]) -> bool | None:
        epoch, text = fields["epoch"], seal_message(sealed_text(fields))
        reached, public = self._reached.get(key.chain, (-1, b""))
        certificate = fields.get("certificate")
        if reached != epoch:
            if certificate is None:
                return None
            hour = bytes.fromhex(certificate["key"])
            certified = certificate_message(certificate["period"], hour)
            if not verifies(key.key, bytes.fromhex(certificate["signature"]), certified):
                return False
            if not verifies(hour, bytes.fromhex(fields["endorsement"]), text):
                return False
            if certificate["period"] != hour_of(fields["time"]):
                return None
            public = bytes.fromhex(certificate["seal_key"])
        if not verifies(public, bytes.fromhex(fields["signature"]), text):
            return False
        self._reached[key.chain] = epoch + 1, bytes.fromhex(fields["next_key"])
        return True
