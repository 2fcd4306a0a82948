"""An object enters by a claim, and stays by renewing (docs/spec/enrolment.md).

A claim names one object and is good once, until it expires. What it carries, its code, is kept as a SHA-256:
160 random bits need no slower hash. An unknown claim, a wrong code, a used or an expired claim are one and
the same refusal.
"""

from __future__ import annotations

import hmac
import logging
import os
import uuid
from typing import Final

from django.conf import settings

from egide.cloud.fleet.ca import root_certificate
from egide.cloud.fleet.issuing import Issued, issue, issued
from egide.cloud.fleet.models import Certificate, Claim, HealthObject, Trust
from egide.cloud.fleet.revocation import Revocations, is_revoked, require_not_revoked
from egide.cloud.fleet.tries import counted_try
from egide.errors import (
    CertificateExpiredError,
    CertificateRevokedError,
    ClaimError,
    IdentityError,
    MalformedError,
    RefusedError,
)
from egide.trust.claim import CODE_BYTES, ClaimTicket, code_hash, parse_code
from egide.trust.envelope import uuid_of
from egide.trust.identity import VerifiedCsr, ca_pin, parse_csr

__all__ = ["CLAIM_LIFE_MS", "create_claim", "create_object", "enrol", "renew", "require_certificate"]

CLAIM_LIFE_MS: Final = 24 * 3600 * 1000
MAX_CLAIM_LIFE_MS: Final = 30 * 24 * 3600 * 1000
_NOBODY: Final = bytes(32)
_LOG = logging.getLogger(__name__)


def create_object(model: str, trust: int, now_ms: int) -> HealthObject:
    """Declare an object: it gets its name, and nothing else until it enrols.

    Raises:
        RefusedError: no model name (1 to 80 printable characters), or no such trust level.
    """
    if not 1 <= len(model) <= 80 or not model.isprintable() or trust not in Trust.values:
        raise RefusedError("an object has a model of 1 to 80 characters and a trust level of 1 to 5")
    return HealthObject.objects.create(model=model, trust=trust, created_ms=now_ms)


def create_claim(owner: HealthObject, ttl_ms: int, now_ms: int) -> ClaimTicket:
    """A ticket for this object, good for `ttl_ms` from now: its first, or one to come back after expiry.

    Raises:
        CertificateRevokedError: the object was revoked. RefusedError: a life over 30 days, or none.
    """
    if not 0 < ttl_ms <= MAX_CLAIM_LIFE_MS:
        raise RefusedError("a claim lives up to 30 days")
    require_not_revoked(owner.pk)
    options, code = settings.OPTIONS, os.urandom(CODE_BYTES)
    host = f"[{options.public_host}]" if ":" in options.public_host else options.public_host
    claim = Claim(object=owner, code_hash=code_hash(code), expires_ms=now_ms + ttl_ms)
    ticket = ClaimTicket(
        url=f"https://{host}:{options.objects_port}",
        ca_sha256=ca_pin(root_certificate()),
        claim_id=str(claim.pk),
        code=code,
    )
    claim.save(force_insert=True)
    return ticket


def enrol(claim_id: str, code: str, csr: bytes, source: str, now_ms: int) -> Issued:
    """Use a claim: check the code, then the request (PKCS#10, DER), and issue. `source` is its address.

    The same claim, code and key asked again before the claim expires get the same certificate again: answers
    are lost sometimes. A request that is wrong leaves the claim unused.

    Raises:
        ClaimError: unknown, wrong, used or expired (which of these is not said).
        TooManyTriesError: too many wrong tries from this source.
        MalformedError, TooLargeError, SignatureError, KeyInUseError: the request.
    """
    with counted_try(source, now_ms=now_ms):
        try:
            claim = _claim(claim_id, code, now_ms)
            request = parse_csr(csr)
            return _again(claim, request) if claim.used_ms is not None else _use(claim, request, now_ms)
        except ClaimError:
            _LOG.warning("claim-refused")
            raise


def _claim(claim_id: str, code: str, now_ms: int) -> Claim:
    try:
        name, digest = uuid.UUID(uuid_of(f"urn:uuid:{claim_id}")), code_hash(parse_code(code))
    except MalformedError as err:
        raise ClaimError("this claim is refused") from err
    claim = Claim.objects.select_related("object", "certificate__key", "certificate__object").filter(pk=name).first()
    expected = _NOBODY if claim is None else bytes(claim.code_hash)
    if not hmac.compare_digest(digest, expected) or claim is None or now_ms >= claim.expires_ms:
        raise ClaimError("this claim is refused")
    if is_revoked(claim.object_id):
        raise ClaimError("this claim is refused")
    return claim


def _again(claim: Claim, request: VerifiedCsr) -> Issued:
    before = claim.certificate
    if before is None or _revoked(before):
        raise ClaimError("this claim is refused")
    if bytes(before.key.thumbprint) != request.public_key.thumbprint:
        raise ClaimError("this claim is refused")
    return issued(before)


def _use(claim: Claim, request: VerifiedCsr, now_ms: int) -> Issued:
    def use(row: Certificate) -> None:
        # The update is what decides: of two tries at the same instant, one changes a row.
        if not Claim.objects.filter(pk=claim.pk, used_ms=None).update(used_ms=now_ms, certificate=row):
            raise ClaimError("this claim is refused")

    return issue(claim.object, request, claim=claim, now_ms=now_ms, also=use)


def require_certificate(sha256: bytes, *, now_ms: int) -> Certificate:
    """The enrolled certificate of that SHA-256, when it is in force.

    Raises:
        IdentityError: we did not issue it. CertificateRevokedError: it, or its object, was revoked.
        CertificateExpiredError: it has expired.
    """
    row = Certificate.objects.select_related("object", "key").filter(sha256=sha256).first()
    if row is None:
        raise IdentityError("this certificate was not issued here")
    if _revoked(row):
        raise CertificateRevokedError("this certificate, or its object, was revoked")
    if now_ms > row.not_after_ms:
        raise CertificateExpiredError("this certificate has expired")
    return row


def _revoked(row: Certificate) -> bool:
    """It, or its object: as a row says, or as a statement said whatever the rows say since."""
    if row.revoked_ms is not None or row.object.revoked_ms is not None:
        return True
    return Revocations.of(row.object_id).of_certificate(row.object_id, bytes(row.sha256)) is not None


def renew(sha256: bytes, csr: bytes, now_ms: int) -> Issued:
    """Renew a certificate that TLS has proved, with its key or a new one; the name stays (RFC 7030, 4.2.2).

    Raises:
        IdentityError, CertificateRevokedError, CertificateExpiredError: as `require_certificate` says, or a
            request for another name.
        MalformedError, TooLargeError, SignatureError, KeyInUseError, TooManyTriesError: the request.
    """
    current = require_certificate(sha256, now_ms=now_ms)
    request = parse_csr(csr)
    request.require_names_of(f"urn:uuid:{current.object_id}")
    return issue(current.object, request, claim=None, now_ms=now_ms)
