"""Pictures for requests, made without any image library."""

from __future__ import annotations

import base64
import struct
import zlib


def png_data_uri(red: int, green: int, blue: int, side: int = 56) -> str:
    """A square of one colour (0-255 each) as a PNG data URI, `side` pixels wide."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = zlib.compress((b"\0" + bytes((red, green, blue)) * side) * side)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
