# SPDX-License-Identifier: Apache-2.0
"""A QR code for terminals, if libqrencode is installed."""

import ctypes

_LIBRARY = "libqrencode.so.4"
_MEDIUM, _BYTES = 1, 2  # QR_ECLEVEL_M, QR_MODE_8
_MARGIN = 2
_BLOCKS = " ▄▀█"  # by upper and lower half


class _Code(ctypes.Structure):
    _fields_ = (
        ("version", ctypes.c_int),
        ("width", ctypes.c_int),
        ("data", ctypes.POINTER(ctypes.c_ubyte)),
    )


def draw(text: str) -> str:
    """Return the code of a text, light on dark; "" without the library."""
    try:
        library = ctypes.CDLL(_LIBRARY)
    except OSError:
        return ""
    library.QRcode_encodeString.restype = ctypes.POINTER(_Code)
    code = library.QRcode_encodeString(text.encode(), 0, _MEDIUM, _BYTES, 1)
    if not code:
        return ""
    width, data = code.contents.width, code.contents.data

    def is_light(row: int, column: int) -> bool:
        inside = 0 <= row < width and 0 <= column < width
        return not (inside and data[row * width + column] & 1)

    lines = [
        "".join(
            _BLOCKS[2 * is_light(row, column) + is_light(row + 1, column)]
            for column in range(-_MARGIN, width + _MARGIN)
        )
        for row in range(-_MARGIN, width + _MARGIN, 2)
    ]
    library.QRcode_free(code)
    return "\n".join(lines) + "\n\n"
