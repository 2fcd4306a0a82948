"""Small files that are what they say: a PDF of one blank page, a PNG and a JPEG of one grey point."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

__all__ = ["JPEG", "PDF", "PNG", "chunk", "pdf", "segment"]


def pdf(catalog: str = "", *more: str, page: str = "", trailer: str = "") -> bytes:
    """A PDF of one page. `catalog`, `page`, `trailer` go into those dictionaries, `more` are objects from 4 on."""
    objects = [
        f"<< /Type /Catalog /Pages 2 0 R {catalog} >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] {page} >>",
        *more,
    ]
    out, places = b"%PDF-1.7\n", list[int]()
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    return out + table(places, f"/Root 1 0 R {trailer}", len(out))


def table(places: Sequence[int], trailer: str, start: int) -> bytes:
    lines = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(places) + 1}\n0000000000 65535 f \n{lines}"
    return f"{head}trailer\n<< /Size {len(places) + 1} {trailer} >>\nstartxref\n{start}\n%%EOF\n".encode()


def chunk(name: bytes, body: bytes) -> bytes:
    """One chunk of a PNG, with its checksum."""
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def segment(marker: int, body: bytes) -> bytes:
    """One segment of a JPEG."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


PDF = pdf()
PNG = (
    b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\0\x80")) + chunk(b"IEND", b"")
)  # fmt: skip
JPEG = (
    b"\xff\xd8" + segment(0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0") + segment(0xDB, b"\0" + b"\x01" * 64)
    + segment(0xC0, b"\x08\0\x01\0\x01\x01\x01\x11\0") + segment(0xC4, b"\0" + b"\x01" + b"\0" * 15 + b"\0")
    + segment(0xDA, b"\x01\x01\0\0\x3f\0") + b"\x7f\xff\x00\xff\xd0\x01" + b"\xff\xd9"
)  # fmt: skip
