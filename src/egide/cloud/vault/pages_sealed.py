"""Sealing and opening pages: by whoever may open the record, and by nobody else.

A page's key comes from the record's private half, so an erasure that destroys that takes the pages along, and whoever
holds public keys alone can make none. It is bound to the record, its establishment and class, the pairing, the month
and the part; a part is bound to its cover too, so none can stand in the place of another.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import zlib
from dataclasses import dataclass
from typing import Final

from egide.cloud.fleet.models import Pairing
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.records import private_seed
from egide.cloud.vault.pages import VERSION
from egide.errors import MalformedError, SealError
from egide.trust.seal import open_with_key, seal_with_key

__all__ = ["PageKey"]

_LABEL: Final = b"egide page v1"
_NO_COVER: Final = bytes(32)
_PLAIN, _DEFLATED = b"\x00", b"\x01"
_MOST: Final = 32 * 1024 * 1024
_LEVEL: Final = 1


@dataclass(frozen=True, slots=True, repr=False)
class PageKey:
    """Seals and opens the pages of one record's key. Throw it away after a job."""

    _seed: bytes
    _bound: bytes

    @classmethod
    def of(cls, key: RecordKey) -> PageKey:
        """Raises KeyMissingError: the class was erased."""
        return cls(private_seed(key), key.subject.bytes + key.establishment.bytes + key.klass.encode().ljust(8))

    def seal(self, plain: bytes, pairing: Pairing, month: int, part: int, cover: bytes = b"") -> bytes:
        """`cover`: for a part, its cover in clear."""
        aad = self._aad(pairing, month, part, cover)
        small = zlib.compress(plain, _LEVEL)
        body = _DEFLATED + small if len(small) < len(plain) * 3 // 4 else _PLAIN + plain
        return seal_with_key(self._key(aad), os.urandom(12), body, aad)

    def open(self, sealed: bytes, pairing: Pairing, month: int, part: int, cover: bytes = b"") -> bytes:
        """Raises SealError: altered, moved, of another version or cover. MalformedError: not a page."""
        if not isinstance(sealed, bytes | memoryview):
            raise SealError("a page was replaced by something else")
        aad = self._aad(pairing, month, part, cover)
        body = open_with_key(self._key(aad), bytes(sealed), aad)
        if body[:1] == _PLAIN:
            return body[1:]
        if body[:1] != _DEFLATED:
            raise MalformedError("a page has another form")
        inflate = zlib.decompressobj()
        try:
            plain = inflate.decompress(memoryview(body)[1:], _MOST)
        except zlib.error as err:
            raise MalformedError("a page has another form") from err
        if not inflate.eof:
            raise MalformedError("a page has another form")
        return plain

    def _aad(self, pairing: Pairing, month: int, part: int, cover: bytes) -> bytes:
        covered = hashlib.sha256(cover).digest() if cover else _NO_COVER
        place = VERSION.to_bytes(2, "big") + month.to_bytes(4, "big") + part.to_bytes(2, "big")
        return _LABEL + self._bound + pairing.uuid.bytes + place + covered

    def _key(self, aad: bytes) -> bytes:
        """A key for this place alone: HMAC of the record's private half, which is random and whole."""
        return hmac.digest(self._seed, aad, "sha256")
