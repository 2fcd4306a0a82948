"""The scan of a paper shows pages and does nothing else: judged by what is in it, whatever it is called."""

from __future__ import annotations

import struct
import zlib

import pytest

from egide.cloud.people.scans import MAX_SCAN, accepted, kind_of
from egide.errors import MalformedError, TooLargeError
from tests.support.papers import JPEG, PDF, PNG, chunk, pdf, segment

SCRIPT = "<< /Type /Action /S /JavaScript /JS (app.alert(1)) >>"
GPS = b"48.8584 N, 2.2945 E"


def exif(order: str, turned: int) -> bytes:
    """What a telephone says of a picture: how it is turned, and where it was taken."""
    first = b"II*\0" if order == "<" else b"MM\0*"
    entries = struct.pack(order + "HHHIHH", 2, 0x0112, 3, 1, turned, 0) + struct.pack(order + "HHII", 0x8825, 4, 1, 99)
    return b"Exif\0\0" + first + struct.pack(order + "I", 8) + entries + b"\0" * 4 + GPS


def packed(*bodies: str) -> str:
    """An object stream that holds these, as PDF 1.5 packs them."""
    text, places, at = "", "", 0
    for number, body in enumerate(bodies, 10):
        places += f"{number} {at} "
        text += body + " "
        at = len(text)
    content = zlib.compress((places + text).encode()).hex() + ">"
    head = f"/Type /ObjStm /N {len(bodies)} /First {len(places)} /Filter [/ASCIIHexDecode /FlateDecode]"
    return f"<< {head} /Length {len(content)} >>\nstream\n{content}\nendstream"


@pytest.mark.parametrize(
    "scan", [PDF, pdf("/OpenAction [3 0 R /Fit]"), pdf("/OpenAction << /S /GoTo /D [3 0 R /Fit] >>"), PDF + b"\r\n"],
    ids=["blank", "opens-at-a-place", "goes-to-a-page", "line-ends"],
)  # fmt: skip
def test_a_pdf_that_only_shows_pages_is_kept_as_it_came(scan: bytes) -> None:
    """Byte for byte: what was signed on it is not touched."""
    assert accepted(scan) == scan
    assert kind_of(scan) == "application/pdf"


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(pdf(f"/OpenAction {SCRIPT}"), id="script-on-opening"),
        pytest.param(pdf("/OpenAction 4 0 R", SCRIPT), id="script-elsewhere"),
        pytest.param(pdf("/OpenAction 4 0 R", "<< /S 5 0 R /JS#20 (x) >>", "/Java#53cript"), id="script-in-disguise"),
        pytest.param(pdf("/OpenAction << /S /URI /URI (https://example.org) >>"), id="goes-out-on-opening"),
        pytest.param(pdf("/Names << /Java#53cript 4 0 R >>", "<< /Names [] >>"), id="named-scripts"),
        pytest.param(pdf(page="/AA << /O 4 0 R >>"), id="on-turning-the-page"),
        pytest.param(pdf("", "<< /Type /Action /S /L#61unch /F (cmd.exe) >>"), id="launch"),
        pytest.param(pdf("", "<< /S /SubmitForm /F (https://example.org) >>"), id="submit"),
        pytest.param(pdf("/Names << /EmbeddedFil#65s 4 0 R >>", "<< >>"), id="carries-files"),
        pytest.param(pdf("", "<< /Type /Filespec /F (a.exe) >>"), id="names-a-file"),
        pytest.param(pdf(page="/Annots [<< /Subtype /FileAttachment >>]"), id="attachment-on-a-page"),
        pytest.param(pdf("/AcroForm << /XFA (x) >>"), id="form-that-runs"),
        pytest.param(pdf(page="/Annots [<< /Subtype /RichMedi#61 >>]"), id="film"),
        pytest.param(pdf(trailer="/Encrypt << /Filter /Standard /V 1 /R 2 >>"), id="encrypted"),
        pytest.param(PDF + b"<html><script>alert(1)</script>", id="page-after-its-end"),
        pytest.param(PDF + PNG, id="picture-after-its-end"),
        pytest.param(PDF[:-8], id="cut"),
        pytest.param(PDF.replace(b"startxref\n", b"startxref\n9"), id="no-table"),
        pytest.param(PDF.replace(b"trailer", b"99 0 obj " + SCRIPT.encode() + b" trailer"), id="beside-the-table"),
        pytest.param(b"%PDF-1.7 a form", id="only-says-so"),
        pytest.param(pdf("/Deep " + "[" * 5000 + "]" * 5000), id="deep"),
    ],
)
def test_a_pdf_that_does_anything_else_is_refused(scan: bytes) -> None:
    """Whole, and as malformed: names written in another way and objects that no table lists too."""
    with pytest.raises(MalformedError):
        accepted(scan)


def test_what_is_packed_is_looked_at_too() -> None:
    """Since PDF 1.5 objects may lie compressed in another: a script there is found, an innocent one is kept."""
    for body, calm in ((SCRIPT, False), ("<< /Title (form) >>", True)):
        scan = with_packed(body)
        if calm:
            assert accepted(scan) == scan
        else:
            assert b"JavaScript" not in scan
            with pytest.raises(MalformedError):
                accepted(scan)


def with_packed(body: str) -> bytes:
    """A PDF whose object 10 lies in the stream that is its object 4, by a table that is a stream itself."""
    plain = pdf("", packed(body))
    plain = plain[: plain.index(b"xref\n0 ")]
    places = {number: plain.index(f"\n{number} 0 obj".encode()) + 1 for number in (1, 2, 3, 4)}
    start = len(plain)
    rows = [(0, 0, 65535)] + [(1, places[n], 0) for n in (1, 2, 3, 4)] + [(1, start, 0)] + [(0, 0, 0)] * 4 + [(2, 4, 0)]
    content = b"".join(struct.pack(">BIH", *row) for row in rows)
    head = f"5 0 obj\n<< /Type /XRef /Size 11 /W [1 4 2] /Root 1 0 R /Length {len(content)} >>\nstream\n".encode()
    return plain + head + content + f"\nendstream\nendobj\nstartxref\n{start}\n%%EOF\n".encode()


def test_a_script_in_an_earlier_state_of_a_pdf_is_found() -> None:
    """An update that hides an object leaves it in the file."""
    before = pdf("/Names 4 0 R", "<< /Java#53cript 5 0 R >>", "<< >>")
    start = len(before)
    body = b"4 0 obj\n<< >>\nendobj\n"
    old = int(before.split(b"startxref\n")[1].split(b"\n")[0])
    after = before + body + (
        f"xref\n4 1\n{start:010} 00000 n \ntrailer\n<< /Size 6 /Root 1 0 R /Prev {old} >>\n"
        f"startxref\n{start + len(body)}\n%%EOF\n"
    ).encode()  # fmt: skip
    with pytest.raises(MalformedError):
        accepted(after)


@pytest.mark.parametrize("scan", [PNG, JPEG], ids=["png", "jpeg"])
def test_a_picture_ends_where_it_ends(scan: bytes) -> None:
    """Whole as it is; what hides behind its end is not kept; cut anywhere, it is refused."""
    assert accepted(scan) == scan
    for tail in (b"<script>alert(1)</script>", b"PK\x03\x04", PDF, scan):
        assert accepted(scan + tail) == scan
    for cut in range(3, len(scan)):
        with pytest.raises(MalformedError):
            accepted(scan[:cut])


@pytest.mark.parametrize("order", ["<", ">"])
def test_a_photograph_is_kept_without_where_it_was_taken(order: str) -> None:
    """How it is turned stays; the place, the words of whoever made it and a second picture do not."""
    said = segment(0xE1, exif(order, 6)) + segment(0xFE, b"Alice's kitchen") + segment(0xE2, b"MPF\0" + GPS)
    kept = accepted(JPEG[:2] + said + JPEG[2:] + JPEG)
    assert GPS not in kept
    assert b"kitchen" not in kept
    assert kept.count(b"\xff\xd8\xff") == 1
    assert accepted(kept) == kept
    assert b"Exif\0\0MM\0*" in kept
    assert struct.pack(">HHIH", 0x0112, 3, 1, 6) in kept
    plain = accepted(JPEG[:2] + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + GPS) + JPEG[2:])
    assert plain == JPEG


def test_a_drawing_is_kept_without_words_about_it() -> None:
    """Text, time and place go; what its colours need stays."""
    said = chunk(b"tEXt", b"Author\0Alice") + chunk(b"eXIf", GPS) + chunk(b"gAMA", b"\0\0\xb1\x8f")
    kept = accepted(PNG[:33] + said + PNG[33:])
    assert kept == PNG[:33] + chunk(b"gAMA", b"\0\0\xb1\x8f") + PNG[33:]


@pytest.mark.parametrize(
    "scan",
    [
        pytest.param(PNG[:8] + PNG[33:], id="png-without-a-head"),
        pytest.param(PNG[:33] + PNG[-12:], id="png-of-nothing"),
        pytest.param(PNG[:20] + b"\x07" + PNG[21:], id="png-changed"),
        pytest.param(b"\xff\xd8\xff\xe0" + b"x" * 100, id="jpeg-in-name"),
        pytest.param(JPEG[:20] + b"\xff\xd9", id="jpeg-of-nothing"),
        pytest.param(b"GIF89a", id="gif"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="svg"),
        pytest.param(b"", id="empty"),
    ],
)
def test_what_is_no_whole_picture_is_refused(scan: bytes) -> None:
    """A beginning that says so is not enough."""
    with pytest.raises(MalformedError):
        accepted(scan)


def test_a_scan_of_more_than_8_mib_is_refused() -> None:
    """Before anything looks into it."""
    with pytest.raises(TooLargeError):
        accepted(PNG + bytes(MAX_SCAN))
