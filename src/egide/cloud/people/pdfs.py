"""A stranger's PDF, read with bounded work: so many small reads, so many objects, so much unpacked, and no more.

What pyhanko reads is counted, not timed: objects that lie within each other, tables that promise more than they hold,
numbers without an end. A stream of objects is unpacked and its list read once: pyhanko reads the list anew for each
object, which for 50,000 in one stream takes hours.
"""

from __future__ import annotations

import io
from typing import Any, Final

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.decode_limits import DecodeContext, DecodeLimits, DocumentDecodeBudget, StreamDecodeLimits
from pyhanko.pdf_utils.misc import PdfReadError, read_non_whitespace
from pyhanko.pdf_utils.reader import PdfFileReader, process_data_at_eof
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.pdf_utils.xref import XRefBuilder

from egide.errors import MalformedError

__all__ = ["MOST_OBJECTS", "MOST_READS", "Work", "bounded_reader"]

MOST_OBJECTS: Final = 50_000
#: A dictionary of ten entries is some two hundred reads.
MOST_READS: Final = 2_000_000
_MOST_REVISIONS: Final = 100
#: Bytes that cost as much as one more read.
_BYTES_OF_A_READ: Final = 64
#: pyhanko looks for the end of a number in pieces, and joins them one by one.
_PIECE, _MOST_PIECES = 16, 64
_MIB: Final = 1024 * 1024
#: Of streams, only lists of objects and tables are unpacked here; never a page or a picture.
_LIMITS: Final = DecodeLimits(
    per_stream=StreamDecodeLimits(max_output_size=8 * _MIB),
    document_budget=DocumentDecodeBudget(base_allowance=32 * _MIB, max_ratio=1),
)


class Work:
    """How many reads are left for one file, whatever of it is read."""

    def __init__(self, reads: int = MOST_READS) -> None:
        self.left = reads

    def spend(self, reads: int) -> None:
        """Raises MalformedError when there are none left."""
        self.left -= reads
        if self.left < 0:
            raise MalformedError("this PDF takes too much reading")


class _Counted(io.BytesIO):
    def __init__(self, content: bytes, work: Work) -> None:
        super().__init__(content)
        self._work, self._pieces = work, 0

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self._work.spend(1 + len(found) // _BYTES_OF_A_READ)
        self._pieces = self._pieces + 1 if size == _PIECE else 0
        if self._pieces > _MOST_PIECES:
            raise MalformedError("a number of this PDF has no end")
        return found

    def seek(self, at: int, whence: int = 0, /) -> int:
        self._pieces = 0
        return super().seek(at, whence)


def bounded_reader(content: bytes, work: Work) -> PdfFileReader:
    """To read it with. Raises MalformedError, PdfError: its tables are not sound; later, when the work is spent."""
    stream = _Counted(content, work)
    stream.seek(-1, io.SEEK_END)
    start = process_data_at_eof(stream)
    _Tables(_Nothing(len(content)), stream, strict=True, last_startxref=start).read_xrefs()  # type: ignore[no-untyped-call]
    return _Reader(stream, work)


class _Nothing(PdfHandler):
    """What stands for the file while its tables are looked at: they refer to no object."""

    strict = True

    def __init__(self, size: int) -> None:
        self._context = DecodeContext(_LIMITS, input_size=size)

    @property
    def decode_context(self) -> DecodeContext:
        return self._context

    def get_object(self, *_: Any, **__: Any) -> Any:
        raise PdfReadError("a table of a PDF refers to nothing")


class _Tables(XRefBuilder):
    """Every table of objects, before pyhanko goes through it: how many there are, and what each promises."""

    _seen = 0

    def _read_xref_table(self, declared_startxref: int) -> Any:
        self._one_more()
        return super()._read_xref_table(declared_startxref)

    def _read_xref_stream_object(self) -> Any:
        self._one_more()
        ref, table = super()._read_xref_stream_object()  # type: ignore[no-untyped-call]
        sizes = list(table["/Index"]) if "/Index" in table else [0, table["/Size"]]
        numbers = [*sizes, *table["/W"]]
        if any(not isinstance(n, int) or n < 0 for n in numbers) or sum(sizes[1::2]) > MOST_OBJECTS:
            raise MalformedError("this PDF has too many objects")
        return ref, table

    def _one_more(self) -> None:
        self._seen += 1
        if self._seen > _MOST_REVISIONS:
            raise MalformedError("this PDF was changed too many times")


class _Reader(PdfFileReader):
    def __init__(self, stream: _Counted, work: Work) -> None:
        self._work, self._packed = work, dict[int, tuple[_Counted, list[tuple[int, int]]]]()
        super().__init__(stream, strict=True, decode_limits=_LIMITS)

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        """As pyhanko's own, with the list of what a stream packs read once."""
        if stmnum not in self._packed:
            self._packed[stmnum] = self._unpacked(stmnum)
        content, places = self._packed[stmnum]
        if not 0 <= idx < len(places) or places[idx][0] != idnum:
            raise PdfReadError("an object is not where the table says")
        content.seek(places[idx][1])
        found = generic.read_object(content, generic.Reference(idnum, 0, self))
        if isinstance(found, (generic.StreamObject, generic.IndirectObject)):
            raise PdfReadError("what is packed is no object that may be")
        return found

    def _unpacked(self, stmnum: int) -> tuple[_Counted, list[tuple[int, int]]]:
        """(what the stream holds, number and place of each)."""
        stream = generic.Reference(stmnum, 0, self).get_object()
        if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
            raise PdfReadError("what should pack objects does not")
        many, first = stream["/N"], stream["/First"]
        if not isinstance(many, int) or not isinstance(first, int) or many > MOST_OBJECTS:
            raise MalformedError("this PDF has too many objects")
        content, places = _Counted(stream.data, self._work), list[tuple[int, int]]()
        for _ in range(many):
            number, at = _number(content), _number(content)
            places.append((number, first + at))
        return content, places


def _number(content: _Counted) -> int:
    read_non_whitespace(content, seek_back=True)  # type: ignore[no-untyped-call]
    return int(generic.NumberObject.read_from_stream(content))  # type: ignore[no-untyped-call]
