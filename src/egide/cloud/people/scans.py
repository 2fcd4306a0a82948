"""What may be kept as the scan of a paper: a picture, or a PDF that only shows pages. By its content, not its name.

A picture is kept without what a telephone adds (place, names, a second picture, whatever follows its end); how it is
turned stays. A PDF is kept as it came, or refused whole: one that runs, fetches, submits or carries something, that is
encrypted, or that goes on after its end. This looks for no virus: nothing here opens what is kept.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError

from egide.cloud.people.pdfs import MOST_OBJECTS, Work, bounded_reader
from egide.errors import MalformedError, TooLargeError, decoding

__all__ = ["MAX_SCAN", "SCANS", "accepted", "kind_of"]

MAX_SCAN: Final = 8 * 1024 * 1024
#: What a scan may be, by its first bytes: never something that a browser would run as a page.
SCANS: Final = {"application/pdf": b"%PDF-", "image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff"}

#: Of a PDF: what runs, fetches, sends or carries, as a key of any dictionary...
_ACTIVE_KEYS: Final = frozenset(
    {"/JS", "/JavaScript", "/AA", "/EmbeddedFile", "/EmbeddedFiles", "/EF", "/XFA", "/RichMediaContent", "/Collection"}
)
#: ... or as a name, wherever it stands: types of objects and of actions.
_ACTIVE_NAMES: Final = frozenset(
    {"/JavaScript", "/Launch", "/SubmitForm", "/ImportData", "/GoToR", "/GoToE", "/GoTo3DView", "/Rendition",
     "/RichMedia", "/RichMediaExecute", "/Movie", "/Sound", "/Screen", "/3D", "/EmbeddedFile", "/Filespec",
     "/FileAttachment"}
)  # fmt: skip
#: The same in the raw bytes: a reader that mends a file may find what its table of objects leaves out.
_RAW: Final = re.compile(rb"/(JavaScript|Launch|EmbeddedFiles?|RichMedia|SubmitForm|ImportData)\b")
_END: Final = re.compile(rb"%%EOF[\r\n\t \x00]{0,16}\Z")

_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"pHYs"}
)
_EOI, _SOS, _APP1, _APP2, _COM = 0xD9, 0xDA, 0xE1, 0xE2, 0xFE
_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_ORIENTATION: Final = 0x0112


def kind_of(scan: bytes) -> str:
    """A word of SCANS, by the file's own first bytes. Raises TooLargeError, MalformedError: another kind of file."""
    if len(scan) > MAX_SCAN:
        raise TooLargeError("a scan has 8 MiB at most")
    for kind, first in SCANS.items():
        if scan.startswith(first):
            return kind
    raise MalformedError("a scan is a PDF, PNG or JPEG file")


def accepted(scan: bytes) -> bytes:
    """What is kept of it. Raises TooLargeError, MalformedError: no whole picture, or no PDF that only shows pages."""
    kind = kind_of(scan)
    with decoding("a scan"):
        if kind == "image/png":
            return _png(scan)
        if kind == "image/jpeg":
            return _jpeg(scan)
        _require_calm(scan)
    return scan


def _png(scan: bytes) -> bytes:
    """The chunks that a picture needs, each with its checksum (PNG 3, clause 5); what follows the last is dropped."""
    kept, at, seen = [scan[:8]], 8, set[bytes]()
    while b"IEND" not in seen:
        length, name = struct.unpack(">I4s", _take(scan, at, 8))
        body, (check,) = _take(scan, at + 8, length), struct.unpack(">I", _take(scan, at + 8 + length, 4))
        if zlib.crc32(name + body) != check or (not seen and name != b"IHDR"):
            raise MalformedError("a picture is not whole")
        seen.add(name)
        if name in _PNG_KEPT:
            kept.append(scan[at : at + 12 + length])
        at += 12 + length
    if b"IDAT" not in seen:
        raise MalformedError("a picture shows nothing")
    return b"".join(kept)


def _jpeg(scan: bytes) -> bytes:
    """The segments of the first picture (ITU T.81, annex B) without comments, places and names; nothing after it."""
    kept, frames = [scan[:2]], 0
    for marker, segment in _segments(scan):
        frames += marker in _FRAMES
        if marker == _SOS and not frames:
            raise MalformedError("a picture is not whole")
        if marker == _APP1:
            kept.append(_turned(segment))
        elif marker not in range(0xE3, 0xEE) and marker not in (0xEF, _COM):
            kept.append(segment if marker != _APP2 or segment[4:15] == b"ICC_PROFILE" else b"")
    if not any(segment[:2] == b"\xff\xda" for segment in kept):
        raise MalformedError("a picture shows nothing")
    return b"".join(kept)


def _segments(scan: bytes) -> Iterator[tuple[int, bytes]]:
    """(marker, its bytes with what it holds) after the first one, to the end of the picture."""
    at, marker = 2, 0
    while marker != _EOI:
        if _take(scan, at, 1) != b"\xff":
            raise MalformedError("a picture is not whole")
        while (marker := _take(scan, at + 1, 1)[0]) == 0xFF:
            at += 1
        if marker == _EOI:
            yield marker, scan[at : at + 2]
            return
        if marker < 0xC0 or marker in range(0xD0, 0xD9):
            raise MalformedError("a picture is not whole")
        (length,) = struct.unpack(">H", _take(scan, at + 2, 2))
        end = at + 2 + length
        _take(scan, at, 2 + max(length, 2))
        if marker == _SOS:
            end = _after_scan(scan, end)
        yield marker, scan[at:end]
        at = end


def _after_scan(scan: bytes, at: int) -> int:
    """Where the next marker begins: within the coded data, FF is followed by 00 or by a restart (D0 to D7)."""
    while (at := scan.find(b"\xff", at)) >= 0:
        following = _take(scan, at + 1, 1)[0]
        if following != 0 and following not in range(0xD0, 0xD8):
            return at
        at += 2
    raise MalformedError("a picture is not whole")


def _turned(segment: bytes) -> bytes:
    """Of what a camera says (Exif), only how the picture is turned; nothing of anything else."""
    tiff = segment[10:]
    if segment[4:10] != b"Exif\0\0" or tiff[:2] not in (b"II", b"MM"):
        return b""
    order = "<" if tiff[:2] == b"II" else ">"
    (start,) = struct.unpack(order + "I", _take(tiff, 4, 4))
    (count,) = struct.unpack(order + "H", _take(tiff, start, 2))
    for n in range(count):
        tag, _, _, value = struct.unpack(order + "HHIH", _take(tiff, start + 2 + 12 * n, 10))
        if tag == _ORIENTATION and value in range(2, 9):
            said = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, _ORIENTATION, 3, 1, value, 0, 0)
            return b"\xff\xe1" + struct.pack(">H", len(said) + 2) + said
    return b""


def _take(content: bytes, at: int, length: int) -> bytes:
    found = content[at : at + length]
    if len(found) != length:
        raise MalformedError("a picture is not whole")
    return found


def _require_calm(scan: bytes) -> None:
    """Every object of every revision is looked at, with bounds on what that takes (pdfs.py).

    Raises MalformedError: something active, encrypted, cut or added to.
    """
    if not _END.search(scan) or _RAW.search(scan):
        raise MalformedError("this PDF does more than show pages, or goes on after its end")
    try:
        reader = bounded_reader(scan, Work())
        if "/Encrypt" in reader.trailer_view:
            raise MalformedError("an encrypted PDF cannot be looked at")
        left = MOST_OBJECTS
        for revision in range(reader.xrefs.total_revisions):
            for ref in reader.xrefs.explicit_refs_in_revision(revision):
                if reader.xrefs.get_historical_ref(ref, revision) is not None:  # None: a number that was given back
                    left = _look(reader.get_object(ref, revision=revision), left)  # type: ignore[no-untyped-call]
    except (PdfError, AssertionError, NotImplementedError, ArithmeticError, zlib.error) as err:
        raise MalformedError("this PDF cannot be read") from err


def _look(found: generic.PdfObject, left: int) -> int:
    """One object and what stands inside it; others that it refers to have their turn. Returns how many more may come.

    Raises MalformedError: one of the active names, too many objects.
    """
    waiting: list[object] = [found]
    while waiting:
        one, left = waiting.pop(), left - 1
        if left < 0:
            raise MalformedError("this PDF has too many objects")
        if isinstance(one, generic.DictionaryObject):
            if _ACTIVE_KEYS & dict.keys(one) or not _opens_calmly(one):
                raise MalformedError("this PDF does more than show pages")
            waiting += dict.values(one)
        elif isinstance(one, generic.ArrayObject):
            waiting += list.__iter__(one)
        elif isinstance(one, generic.NameObject) and str(one) in _ACTIVE_NAMES:
            raise MalformedError("this PDF does more than show pages")
    return left


def _opens_calmly(one: generic.DictionaryObject) -> bool:
    """Whether what happens on opening, if anything, is to go to a page."""
    if "/OpenAction" not in one:
        return True
    action = one["/OpenAction"]
    return isinstance(action, generic.ArrayObject) or (
        isinstance(action, generic.DictionaryObject) and "/S" in action and action["/S"] == "/GoTo"
    )
