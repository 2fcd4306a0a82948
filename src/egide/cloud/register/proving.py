"""What the register gives to whoever makes a proof file: a checkpoint, receipts at its size, witnesses, epochs."""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.conf import settings

from egide.cloud.register.models import Checkpoint, Statement, Witness
from egide.cloud.register.platform import platform
from egide.cloud.register.publishing import signed_head
from egide.cloud.register.store import path_of
from egide.errors import UnavailableError
from egide.trust.evidence import Epoch
from egide.trust.genesis import GENESIS_KIND
from egide.trust.register.checkpoint import Checkpoint as Note
from egide.trust.register.checkpoint import SignedNote, VerifierKey

__all__ = ["certificates", "cosignatures", "covering", "epochs_to", "receipt_at"]


def certificates(name: str) -> tuple[bytes, ...]:
    """The certificates (DER) of a file of the keys folder."""
    found = x509.load_pem_x509_certificates(settings.OPTIONS.read_key(name))
    return tuple(certificate.public_bytes(Encoding.DER) for certificate in found)


def covering(log_id: int, index: int) -> Checkpoint:
    """The latest checkpoint over an entry, one with cosignatures rather than a later one without.

    Raises UnavailableError: none covers it yet; a second later there is one.
    """
    over = Checkpoint.objects.filter(log_id=log_id, size__gt=index).select_related("log").order_by("-size")
    found = over.filter(cosignatures__isnull=False).first() or over.first()
    if found is None:
        raise UnavailableError("no checkpoint covers this entry yet")
    return found


def receipt_at(checkpoint: Checkpoint, index: int) -> bytes:
    """The receipt of a leaf at a checkpoint's size."""
    root = Note.parse(SignedNote.parse(checkpoint.note.encode()).text).root
    return signed_head(checkpoint, root).receipt(index, path_of(checkpoint.log_id, index, checkpoint.size))


def cosignatures(checkpoint: Checkpoint) -> list[tuple[VerifierKey, str]]:
    """Each witness that cosigned it, with its line."""
    keys = {w.name: VerifierKey.parse(w.vkey) for w in Witness.objects.all()}
    return [(keys[c.witness], c.line) for c in checkpoint.cosignatures.order_by("id") if c.witness in keys]


def epochs_to(log_id: int) -> list[Epoch]:
    """The genesis statements that lead to a log; none for the first."""
    if log_id == 1:
        return []
    rows = Statement.objects.filter(kind=GENESIS_KIND).order_by("entry")
    return [Epoch(statement=bytes(row.body), chain=platform().chain) for row in rows if row.entry >> 40 <= log_id]
