# SPDX-License-Identifier: Apache-2.0
"""Verifies Ed25519 signatures (RFC 8032, section 5.1.7): with libsodium, or in Python without it.

Owns verification only, which needs no secret. In Python it takes 3 ms instead of 0.1.
"""

import ctypes
import functools
import hashlib
from collections.abc import Callable

from execaudit.errors import NotConfigured
from execaudit.evidence.signing import load

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, -1, _P) % _P
_SQRT_M1 = pow(2, (_P - 1) // 4, _P)
_BASE_Y = 4 * pow(5, -1, _P) % _P

_Point = tuple[int, int, int, int]  # extended coordinates: x = X/Z, y = Y/Z, xy = T/Z


def verifies(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return True if `signature` (64 bytes) signs `message` with the key `public` (32 bytes)."""
    return len(public) == 32 and len(signature) == 64 and _find()(public, signature, message)


@functools.cache
def _find() -> Callable[[bytes, bytes, bytes], bool]:
    try:
        library = load()
    except NotConfigured:
        return verifies_slowly

    def verify(public: bytes, signature: bytes, message: bytes) -> bool:
        length = ctypes.c_ulonglong(len(message))
        return not library.crypto_sign_verify_detached(signature, message, length, public)

    return verify


def verifies_slowly(public: bytes, signature: bytes, message: bytes) -> bool:
    """Return the same as `verifies`, without a library."""
    key, commitment = _decode(public), _decode(signature[:32])
    response = int.from_bytes(signature[32:], "little")
    base = _decode(_BASE_Y.to_bytes(32, "little"))
    if key is None or commitment is None or base is None or response >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public + message).digest()
    challenge = int.from_bytes(digest, "little") % _L
    left, right = _multiply(response, base), _add(commitment, _multiply(challenge, key))
    return not (
        (left[0] * right[2] - right[0] * left[2]) % _P
        or (left[1] * right[2] - right[1] * left[2]) % _P
    )


def _add(one: _Point, other: _Point) -> _Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * one[3] * other[3] * _D % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(factor: int, point: _Point) -> _Point:
    result: _Point = (0, 1, 1, 0)
    while factor:
        if factor & 1:
            result = _add(result, point)
        point = _add(point, point)
        factor >>= 1
    return result


def _decode(data: bytes) -> _Point | None:
    """Return the point that 32 bytes encode; None if they encode none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _SQRT_M1 % _P
    if (x * x - square) % _P or (not x and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P
