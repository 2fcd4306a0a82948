"""What a security officer of the demo has to look at: made by real acts of an object that somebody copied.

It is enrolled as any other, then misused from outside, through the listener that every object uses.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from egide.prove.arena import Foe, heart_rate
from egide.things.enrolment import enrol, fetch_root
from egide.things.https import Https
from egide.things.pinned import client_context
from egide.trust.claim import ClaimTicket
from egide.trust.cose import SoftwareSigner

__all__ = ["make_trouble"]

_FLOOD: Final = 70  # more than quarantine keeps of one source in a minute


def make_trouble(claim: str, folder: Path, *, revoke: Callable[[], None]) -> None:
    """A copied object, a message for a pairing that is not its own, a flood; then the object is revoked.

    Raises EgideError: the platform does not answer.
    """
    foe = _enrol(claim, folder)
    with httpx.Client(verify=foe.tls(), trust_env=False, timeout=30) as client:

        def post(data: bytes) -> None:
            headers = {"content-type": "application/cose"}
            client.post(ClaimTicket.parse(claim).url + "/intake", content=data, headers=headers)

        for beats in (71, 171):
            post(foe.envelope(heart_rate(beats), seq=900))
        post(foe.envelope(pairing_id=str(uuid.uuid4())))
        for number in range(_FLOOD):
            post(b"\xd2flood" + bytes([number]))
        revoke()
        post(foe.envelope())


def _enrol(claim: str, folder: Path) -> Foe:
    ticket = ClaimTicket.parse(claim)
    root = fetch_root(ticket)
    key = ec.generate_private_key(ec.SECP256R1())
    signer = SoftwareSigner(key)
    https = Https(ticket.url, client_context([root]))
    try:
        issued = enrol(https, ticket, signer, root, at_ms=_now_ms())
    finally:
        https.close()
    folder.mkdir(mode=0o700, parents=True)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(private)
    (folder / "chain.pem").write_bytes(issued.pem())
    foe = Foe(
        uuid=issued.certificate.uuid, pairing="", signer=signer, chain=issued.chain, folder=folder, root=root,
        certificate=issued.certificate.sha256,
    )  # fmt: skip
    https = Https(ticket.url, foe.tls())
    try:
        foe.pairing = https.page().pairings[0]
    finally:
        https.close()
    return foe


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
