"""Feed altered certificates, requests, lists, claims and credentials to their readers: only our errors come out.

Run for as long as you like: `python -m tests.fuzz.fuzz_identity -max_total_time=600` (libFuzzer's options).
A certificate that was altered and not signed again must never verify.
"""

from __future__ import annotations

import contextlib
import sys
import warnings

import atheris

with atheris.instrument_imports(include=["egide.trust", "egide.cbor"]):
    from egide.errors import EgideError
    from egide.trust.claim import ClaimTicket
    from egide.trust.cose import SoftwareSigner
    from egide.trust.identity import (
        PLATFORM_EKU,
        Revoked,
        Usage,
        make_crl,
        parse_certificate,
        parse_csr,
        verify_chain,
        verify_crl,
    )
    from egide.trust.servertime import sign_time, verify_time
    from tests.support.pki import START, Forgery, der, make_pki

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

PKI = make_pki()
LEAF = der(PKI.leaf())
ISSUING = PKI.issuing.certificate
PLATFORM = der(Forgery(issuer=ISSUING.subject, issuer_key=PKI.issuing.key, eku=[PLATFORM_EKU]).sign())
REQUEST = (
    x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(PKI.key, None)
    .public_bytes(Encoding.DER)
)  # fmt: skip
CRL = make_crl(
    PKI.issuing, [Revoked(serial=5, at_ms=START)], number=1, this_update_ms=START,
    next_update_ms=START + 1000,
)  # fmt: skip
TICKET = ClaimTicket(
    url="https://localhost:8443", ca_sha256=bytes(32), claim_id="3f0c8f7e-6a5b-4c3d-9e2f-1a0b9c8d7e6f",
    code=bytes(20),
).text()  # fmt: skip
TIME = sign_time(bytes(16), START, SoftwareSigner(PKI.key), [PLATFORM, *PKI.chain])


def edited(source: atheris.FuzzedDataProvider, data: bytes) -> bytes:
    """One to four edits: bytes at a place are replaced by others."""
    for _ in range(source.ConsumeIntInRange(1, 4)):
        place = source.ConsumeIntInRange(0, len(data))
        dropped = source.ConsumeIntInRange(0, 8)
        data = data[:place] + source.ConsumeBytes(source.ConsumeIntInRange(0, 8)) + data[place + dropped:]
    return data


def refused(read: object, data: bytes, good: bytes) -> None:
    """`read` takes the bytes as they were made, and nothing else."""
    try:
        read(data)  # type: ignore[operator]
    except EgideError:
        return
    assert data == good, "altered bytes were accepted"


def one_input(raw: bytes) -> None:
    source = atheris.FuzzedDataProvider(raw)
    kind = source.ConsumeIntInRange(0, 6)
    if kind == 0:
        refused(
            lambda data: verify_chain(data, PKI.chain, PKI.roots, at_ms=START, usage=Usage.OBJECT),
            edited(source, LEAF), LEAF,
        )  # fmt: skip
    elif kind == 1:
        issuing = PKI.chain[0]
        refused(
            lambda data: verify_chain(LEAF, [data], PKI.roots, at_ms=START, usage=Usage.OBJECT),
            edited(source, issuing), issuing,
        )  # fmt: skip
    elif kind == 2:
        refused(parse_csr, edited(source, REQUEST), REQUEST)
    elif kind == 3:
        refused(lambda data: verify_crl(data, ISSUING, at_ms=START), edited(source, CRL), CRL)
    elif kind == 4:
        refused(lambda data: verify_time(data, nonce=bytes(16), roots=PKI.roots), edited(source, TIME), TIME)
    elif kind == 5:
        text = edited(source, TICKET.encode()).decode(errors="replace")
        with contextlib.suppress(EgideError):
            assert ClaimTicket.parse(text).text() == text.strip()
    else:
        for parse in (parse_certificate, parse_csr):
            refused(parse, source.ConsumeBytes(sys.maxsize), b"")


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # a library frowns at odd certificates; what counts is what comes out
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
