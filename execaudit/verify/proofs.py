# SPDX-License-Identifier: Apache-2.0
"""Whether a seal was made with the keys of its chain.

Owns following keys from seal to seal. A seal is proved, disproved, or nobody can tell: without the
verifying key of its chain, or in front of the first certificate.
"""

from collections.abc import Iterable
from typing import Any

from execaudit.evidence.keys import VerifyingKey, next_key
from execaudit.evidence.seal import hour_of, make_mac, sealed_text
from execaudit.evidence.signing import certificate_message, seal_message
from execaudit.verify.ed25519 import verifies

_MOST_STEPS = 100_000_000  # epochs of a century; who writes more into a seal gains nothing


class Proofs:
    """The verifying keys that are known, and how far each was followed."""

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys = {key.chain: key for key in keys}
        self._reached: dict[str, tuple[int, bytes]] = {}  # epoch and its key, by chain

    def has_key(self, chain: str) -> bool:
        """Return True if the verifying key of a chain is known."""
        return chain in self._keys

    def check(self, fields: dict[str, Any]) -> bool | None:
        """Return whether a seal is genuine; None where nobody can say."""
        key = self._keys.get(str(fields.get("chain")))
        if key is None:
            return None
        try:
            if key.is_secret:
                return self._has_mac(key, fields)
            return self._has_signature(key, fields)
        except (ValueError, KeyError, TypeError):
            return False

    def _has_mac(self, key: VerifyingKey, fields: dict[str, Any]) -> bool:
        epoch = fields["epoch"]
        reached, current = self._reached.get(key.chain, (0, key.key))
        if epoch < reached:
            reached, current = 0, key.key
        if epoch - reached > _MOST_STEPS:
            return False
        for _ in range(epoch - reached):
            current = next_key(current)
        if make_mac(fields, current) != fields["mac"]:
            return False
        self._reached[key.chain] = epoch, current
        return True

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
