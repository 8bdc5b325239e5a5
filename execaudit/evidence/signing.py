# SPDX-License-Identifier: Apache-2.0
"""Ed25519 (RFC 8032) with libsodium: seals that a public key verifies.

Owns the calls of the library, which is loaded only if seals are signed.
"""

import ctypes

from execaudit.errors import NotConfigured
from execaudit.evidence.blake2 import blake2b

SIGNATURE_BYTES = 64
PUBLIC_BYTES = 32
SEED_BYTES = 32

_LIBRARIES = ("libsodium.so.23", "libsodium.so.26")
_SECRET_BYTES = 64
_PAIR = b"execaudit seal sign"
_SEAL = b"execaudit seal signature\n"
_CERTIFICATE = b"execaudit seal period\n"


class Signer:
    """A key pair."""

    def __init__(self, seed: bytes) -> None:
        """Raise NotConfigured where libsodium is missing."""
        self._library = load()
        self.public = bytes(PUBLIC_BYTES)
        public = ctypes.create_string_buffer(PUBLIC_BYTES)
        self._secret = ctypes.create_string_buffer(_SECRET_BYTES)
        self._library.crypto_sign_seed_keypair(public, self._secret, seed)
        self.public = public.raw

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        signature = ctypes.create_string_buffer(SIGNATURE_BYTES)
        self._library.crypto_sign_detached(
            signature, None, message, ctypes.c_ulonglong(len(message)), self._secret
        )
        return signature.raw

    def forget(self) -> None:
        """Overwrite the secret key."""
        ctypes.memset(self._secret, 0, _SECRET_BYTES)


def seal_signer(key: bytes | bytearray) -> Signer:
    """Return the key pair that follows from the key of an epoch. Raises NotConfigured."""
    return Signer(blake2b(_PAIR, key=key, size=SEED_BYTES).digest())


def seal_message(text: bytes) -> bytes:
    """Return the message that a seal's signature is over; `text` is its `sealed_text`."""
    return _SEAL + text


def certificate_message(period: int, public: bytes) -> bytes:
    """Return the message that the certificate of an hour signs."""
    return _CERTIFICATE + b"%d\n" % period + public


def load() -> ctypes.CDLL:
    """Return the library. Raises NotConfigured."""
    for name in _LIBRARIES:
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.sodium_init()
        return library
    raise NotConfigured(
        "Failed to sign seals: libsodium is not installed (Debian: libsodium23; Fedora, Arch:"
        " libsodium)"
    )
