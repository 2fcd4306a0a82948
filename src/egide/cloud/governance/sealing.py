"""The establishment's seal on a document: PAdES, by a key of its own, under the platform's CA.

It is a *simple* electronic signature in the sense of eIDAS, and every sealed document says so: it shows who sealed the
bytes and that nothing changed since; it is neither advanced nor qualified, and no trusted list names our CA. Without a
time-stamp authority (timestamping.py) the time in it is ours alone, and the document says so.
"""

from __future__ import annotations

import asyncio
import io
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from asn1crypto import keys as asn1_keys  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from django.conf import settings
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from egide.cloud.fleet import ca
from egide.cloud.keys.files import write_beside
from egide.cloud.keys.records import ESTABLISHMENT
from egide.errors import KeyMissingError, StorageError, UnavailableError

__all__ = ["Seal", "seal_document", "the_seal"]

_KEY: Final = "seal.key"
_CERTIFICATE: Final = "seal.pem"
_DAYS: Final = 3 * 365
_DOCUMENT_SIGNING: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.3.36")  # RFC 9336
_FIELD: Final = "Seal"


@dataclass(frozen=True, slots=True)
class Seal:
    """The key that seals, and its chain in DER, leaf first, the root included."""

    key: ec.EllipticCurvePrivateKey
    chain: tuple[bytes, ...]


def the_seal(*, now_ms: int) -> Seal:
    """The establishment's seal; its key is made the first time.

    Raises:
        KeyMissingError: this process has no right to the keys folder. StorageError: it cannot be written.
    """
    options = settings.OPTIONS
    if not (options.keys / _CERTIFICATE).exists():
        _make(options.keys, now_ms)
    key = load_pem_private_key(options.read_key(_KEY), None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise KeyMissingError("seal.key is not a P-256 key")
    leaf = x509.load_pem_x509_certificate(options.read_key(_CERTIFICATE))
    chain = (leaf, ca.issuing_certificate(), ca.root_certificate())
    return Seal(key, tuple(ca.to_der(certificate) for certificate in chain))


def seal_document(
    document: bytes, seal: Seal, *, reason: str, place: str, timestamper: TimeStamper | None = None
) -> bytes:
    """Seal a PDF: nothing may be changed in it any more. `timestamper` asks an RFC 3161 service for the time.

    Raises:
        UnavailableError: the document, or the time-stamping service, did not take it.
    """
    store = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    certificates = [asn1_x509.Certificate.load(der) for der in seal.chain]
    store.register_multiple(certificates)
    private = seal.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    signer = signers.SimpleSigner(certificates[0], asn1_keys.PrivateKeyInfo.load(private), store)
    meta = signers.PdfSignatureMetadata(
        field_name=_FIELD, md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES, reason=reason, location=place,
        certify=True, docmdp_permissions=MDPPerm.NO_CHANGES,
    )  # fmt: skip
    out = io.BytesIO()
    try:
        writer = IncrementalPdfFileWriter(io.BytesIO(document))
        pdf = signers.PdfSigner(
            meta, signer, timestamper=timestamper, new_field_spec=fields.SigFieldSpec(sig_field_name=_FIELD)
        )
        asyncio.run(pdf.async_sign_pdf(writer, output=out))
    except UnavailableError:
        raise
    except Exception as err:  # its own errors have many roots, and may quote the document
        raise UnavailableError("the document could not be sealed") from err
    return out.getvalue()


def _make(folder: Path, now_ms: int) -> None:
    """The key first, then the certificate that makes it count: killed in between, it is made again."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate(key, now_ms)
    _write(folder / _KEY, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(folder / _CERTIFICATE, certificate.public_bytes(Encoding.PEM))


def _certificate(key: ec.EllipticCurvePrivateKey, now_ms: int) -> x509.Certificate:
    issuing = ca.authority()
    begin = datetime.fromtimestamp(now_ms // 1000, tz=UTC) - timedelta(hours=1)
    end = min(begin + timedelta(days=_DAYS), issuing.certificate.not_valid_after_utc)
    public, none = key.public_key(), False
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=True, key_encipherment=none, data_encipherment=none,
        key_agreement=none, key_cert_sign=none, crl_sign=none, encipher_only=none, decipher_only=none,
    )  # fmt: skip
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Egide, seal of the establishment")])
    uri = x509.UniformResourceIdentifier(f"urn:uuid:{ESTABLISHMENT}")
    issuer_key = issuing.key.public_key()
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuing.certificate.subject)
        .public_key(public)
        .serial_number(secrets.randbits(158) + 1)
        .not_valid_before(max(begin, issuing.certificate.not_valid_before_utc))
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([_DOCUMENT_SIGNING]), critical=False)
        .add_extension(x509.SubjectAlternativeName([uri]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key), critical=False)
        .sign(issuing.key, hashes.SHA256())
    )


def _write(path: Path, data: bytes) -> None:
    try:
        write_beside(path, data).replace(path)
    except OSError as err:
        raise StorageError(f"the key file {path.name} cannot be written") from err
