"""A small file costs a bounded number of reads, whatever it is made of: counted, never timed."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from egide.cloud.people import scans
from egide.cloud.people.pdfs import MOST_OBJECTS, Work, bounded_reader
from egide.cloud.people.scans import accepted
from egide.errors import MalformedError
from tests.support.papers import PDF, pdf, table

START = PDF[: PDF.index(b"xref\n0 ")]


def packing(many: int, body: str = "0", *, said: int | None = None) -> bytes:
    """A PDF whose object 4 packs `many` objects, from 6 on, that all are the same bytes."""
    places = "".join(f"{number} 0 " for number in range(6, 6 + many))
    content = zlib.compress((places + body + " ").encode())
    head = f"/Type /ObjStm /N {many} /First {len(places)} /Filter /FlateDecode /Length {len(content)}"
    packed = f"4 0 obj\n<< {head} >>\nstream\n".encode() + content + b"\nendstream\nendobj\n"
    places_of = [START.index(f"\n{number} 0 obj".encode()) + 1 for number in (1, 2, 3)]
    at = len(START) + len(packed)
    rows = [(0, 0, 65535), *((1, place, 0) for place in (*places_of, len(START), at))]
    rows += [(2, 4, n) for n in range(many)]
    return START + packed + listing(rows, "1 4 2", f"[0 {said or len(rows)}]", at)


def listing(rows: list[tuple[int, int, int]], widths: str, index: str, at: int) -> bytes:
    content = zlib.compress(b"".join(struct.pack(">BIH", *row) for row in rows))
    head = f"/Type /XRef /Size {len(rows)} /W [{widths}] /Index {index} /Root 1 0 R /Filter /FlateDecode"
    said = f"5 0 obj\n<< {head} /Length {len(content)} >>\nstream\n".encode()
    return said + content + f"\nendstream\nendobj\nstartxref\n{at}\n%%EOF\n".encode()


def reads(scan: bytes) -> int:
    """How much reading every object took."""
    work = Work()
    reader = bounded_reader(scan, work)
    before = work.left
    for ref in reader.xrefs.explicit_refs_in_revision(0):
        if reader.xrefs.get_historical_ref(ref, 0) is not None:
            reader.get_object(ref, revision=0)  # type: ignore[no-untyped-call]
    return before - work.left


def test_what_is_packed_is_read_once_however_much_there_is() -> None:
    """Ten times as many objects in one stream are ten times as many reads, not a hundred times."""
    few, many = reads(packing(100)), reads(packing(1_000))
    assert accepted(packing(1_000)) == packing(1_000)
    assert 4 * 1_000 < many < 12 * few  # what is unpacked is counted too


def test_a_number_of_objects_that_nobody_would_look_through_is_refused_before_any_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By what the table says."""
    looked: list[object] = []
    real = PdfFileReader.get_object

    def counted(reader: PdfFileReader, ref: Any, **how: Any) -> Any:
        looked.append(ref)
        return real(reader, ref, **how)  # type: ignore[no-untyped-call]

    monkeypatch.setattr(PdfFileReader, "get_object", counted)
    accepted(PDF)
    assert looked
    looked.clear()
    with pytest.raises(MalformedError, match="too many objects"):
        accepted(packing(MOST_OBJECTS))
    assert looked == []


def test_objects_that_lie_within_each_other_take_no_more_than_the_file_is_lent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packed, or in the file itself: two hundred that are one long text are not read to the end two hundred times."""
    text = "(" + "x" * 5_000 + ")"
    inside = "".join(f"\n{number} 0 obj\n(" for number in range(4, 204)) + ")\nendobj" * 200
    whole = START + inside.encode() + b"\n"
    places = [whole.index(f"\n{number} 0 obj".encode()) + 1 for number in range(1, 204)]
    within = whole + table(places, "/Root 1 0 R", len(whole))
    monkeypatch.setattr(scans, "Work", lambda: Work(100_000))
    for scan in (packing(200, text), within):
        with pytest.raises(MalformedError, match="too much reading"):
            accepted(scan)
    assert accepted(packing(5, text))


@pytest.mark.parametrize(
    ("widths", "index"),
    [
        pytest.param("0 0 0", "[0 1000000000]", id="entries-of-nothing"),
        pytest.param("0 0 0", "[0 1000000000 1000000000 -999999999]", id="taken-back"),
        pytest.param("-1 0 0", "[0 1000000000]", id="less-than-nothing"),
        pytest.param("0 0 0.5", "[0 9]", id="a-half"),
    ],
)
def test_a_table_that_promises_what_it_does_not_hold_is_refused(widths: str, index: str) -> None:
    """Before anything counts to what it says."""
    with pytest.raises(MalformedError, match="too many objects"):
        accepted(START + listing([(0, 0, 65535)], widths, index, len(START)))


def test_what_unpacks_to_much_more_than_it_is_gets_refused() -> None:
    """16 MiB of spaces in 16 KiB."""
    with pytest.raises(MalformedError):
        accepted(packing(1, " " * (16 * 1024 * 1024) + "0"))


def test_a_number_without_an_end_is_refused() -> None:
    """pyhanko joins its pieces one by one."""
    with pytest.raises(MalformedError, match="no end"):
        accepted(pdf("", "1" * 10_000))


def test_a_file_of_too_many_revisions_is_refused() -> None:
    """Each is compared with each."""
    scan = PDF
    for revision in range(101):
        before = int(scan.rsplit(b"startxref\n", 1)[1].split(b"\n")[0])
        if revision == 50:
            assert accepted(scan) == scan
        start = len(scan)
        said = f"xref\n0 0\ntrailer\n<< /Size 4 /Root 1 0 R /Prev {before} >>\nstartxref\n{start}\n%%EOF\n"
        scan += said.encode()
    with pytest.raises(MalformedError, match="changed too many times"):
        accepted(scan)
