"""Attacks with certificates and claims."""

from __future__ import annotations

import base64
import hashlib
import secrets
import ssl
import time
from collections.abc import Callable, Iterator

import httpx
from cryptography.hazmat.primitives.asymmetric import ec

from egide.prove.arena import Arena, Foe, heart_rate
from egide.prove.mqtt import Broken, Line
from egide.prove.registry import attack, held
from egide.things.enrolment import certificate_request
from egide.things.pinned import client_context
from egide.trust.claim import ClaimTicket, code_text
from egide.trust.cose import SoftwareSigner

_EXPIRE = """
import sys, time, uuid
from egide.cloud.fleet.ca import authority
from egide.cloud.fleet.models import Certificate, HealthObject
from egide.cloud.register.journal import append_statement
from egide.trust.cose import PublicKey
from egide.trust.identity import issue_object
from cryptography.hazmat.primitives.serialization import Encoding, load_der_public_key
import hashlib, secrets
old = Certificate.objects.get(object_id=uuid.UUID(sys.argv[1]))
now = time.time_ns() // 1_000_000
first, last = now - 20 * 3_600_000, now - 3_600_000
serial = secrets.randbits(158) + 1
key = PublicKey(load_der_public_key(bytes(old.key.spki)))
made = issue_object(
    authority(), key, uri=f"urn:uuid:{old.object_id}", not_before_ms=first, not_after_ms=last, serial=serial
)
der = made.public_bytes(Encoding.DER)
Certificate.objects.create(object=old.object, key=old.key, sha256=hashlib.sha256(der).digest(), serial=f"{serial:x}",
    der=der, not_before_ms=first, not_after_ms=last)
append_statement("enrolment", old.object_id, {}, now_ms=now)
print(made.public_bytes(Encoding.PEM).decode())
"""


@attack(
    "expired-certificate",
    claim="An expired certificate opens no connection and signs nothing new; what it signed in time still arrives.",
    claim_fr="Un certificat expiré n'ouvre rien et ne signe rien de neuf ; ce qu'il a signé à temps arrive.",
    attacker="thief of an object",
    needs=("N07", "N10"),
)
def expired(arena: Arena) -> Iterator[str]:
    foe = arena.enrol(arena.alice)
    pem = arena.inside(_EXPIRE, foe.uuid)
    issuing = (foe.folder / "chain.pem").read_text().split("-----END CERTIFICATE-----\n", 1)[1]
    (foe.folder / "chain.pem").write_text(pem.strip() + "\n" + issuing)
    foe.certificate = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem.strip())).digest()
    ways: dict[str, Callable[[], object]] = {
        "HTTPS": lambda: arena.post(foe.envelope(), by=foe),
        "MQTT": lambda: Line.open(arena, foe),
    }
    for what, opened in ways.items():
        try:
            opened()
        except (httpx.TransportError, Broken) as err:
            yield f"{what} with the expired certificate: no connection ({type(err).__name__})"
        else:
            held(False, f"{what} let an expired certificate in")
    refused = arena.post(foe.envelope())
    held(refused.code == "certificate-expired", f"signed now: answered {refused.code or 'a receipt'}")
    yield f"an envelope signed now, sent without TLS identity: {refused.code}"
    then = int(time.time()) - 2 * 3600
    late = arena.post(foe.envelope(heart_rate(66, at_ms=then * 1000), iat=then))
    held(late.receipt is not None, f"what was signed in its time was refused: {late.code}")
    yield "an envelope signed two hours ago, while it was valid: receipted (late)"


_ROWS = """\
import sys
from egide.cloud.fleet.models import Certificate, HealthObject
rows = HealthObject.objects.filter(pk=sys.argv[1]), Certificate.objects.filter(object=sys.argv[1])
"""
#: The revocation's rows as they were before it, and as it left them.
_UNDO = _ROWS + "print(rows[0].get().revoked_ms)\n[each.update(revoked_ms=None) for each in rows]"
_REDO = _ROWS + "[each.update(revoked_ms=int(sys.argv[2])) for each in rows]"


@attack(
    "revoked-certificate",
    claim="A revoked object is cut within 5 s even while connected, and nothing it sends is accepted.",
    claim_fr="Un objet révoqué est coupé en moins de 5 s même connecté, et rien de ce qu'il envoie n'est accepté.",
    attacker="thief of an object",
    needs=("N07", "N10", "N13"),
)
def revoked(arena: Arena) -> Iterator[str]:
    foe = arena.enrol(arena.alice)
    line = Line.open(arena, foe)
    held(line.send(foe.envelope()).receipt is not None, "not accepted before the revocation")
    started = time.monotonic()
    arena.instance.run("fleet", "revoke", foe.uuid, "--why", "stolen")
    ran = time.monotonic() - started
    gone = line.wait_cut(10.0)
    held(gone, "still connected 10 s after its revocation")
    took = time.monotonic() - started
    held(took - ran < 5.0, f"cut after {took - ran:.1f} s")
    yield f"cut {max(0.0, took - ran):.1f} s after the command ended (which took {ran:.1f} s)"
    held(_refused_line(arena, foe), "it could connect again")
    yield "a new MQTT connection: refused"
    refused = arena.post(foe.envelope())
    held(refused.code == "certificate-revoked", f"by HTTPS: {refused.code or 'a receipt'}")
    yield f"an envelope by HTTPS: {refused.code}"
    was = arena.inside(_UNDO, foe.uuid).strip()
    try:
        held(_refused_line(arena, foe), "it could connect once its rows were written back")
        refused = arena.post(foe.envelope())
        held(refused.code == "certificate-revoked", f"by HTTPS, its rows written back: {refused.code or 'a receipt'}")
    finally:
        arena.inside(_REDO, foe.uuid, was)
    yield "its rows, written back by whoever holds the database: refused by MQTT and HTTPS, for a statement was signed"


def _refused_line(arena: Arena, foe: Foe) -> bool:
    try:
        Line.open(arena, foe)
    except Broken:
        return True
    return False


@attack(
    "claim-brute-force",
    claim="Guessing a claim's code is stopped by source, and locks nobody else's claim.",
    claim_fr="Deviner le code d'une invitation est arrêté par source, et ne bloque celle de personne.",
    attacker="stranger",
    needs=("N07",),
)
def brute_force(arena: Arena) -> Iterator[str]:
    ticket = ClaimTicket.parse(arena.claim(arena.alice))
    request, another = (
        base64.b64encode(certificate_request(SoftwareSigner(ec.generate_private_key(ec.SECP256R1())))) for _ in range(2)
    )
    tries = 0
    with _from(arena, "127.0.0.66") as client:
        while tries < 200:
            status = _enrol(client, ticket.claim_id, code_text(secrets.token_bytes(20)), request)
            tries += 1
            if status == httpx.codes.TOO_MANY_REQUESTS:
                break
            held(status == httpx.codes.UNAUTHORIZED, f"a wrong code was answered {status}")
        held(tries < 200, "200 wrong codes were tried freely")
        yield f"one source, wrong codes: stopped at try {tries}"
        right = _enrol(client, ticket.claim_id, code_text(ticket.code), request)
        held(right == httpx.codes.TOO_MANY_REQUESTS, f"the stopped source with the right code: {right}")
        yield "the same source with the right code: still stopped"
    with _from(arena, "127.0.0.67") as client:
        right = _enrol(client, ticket.claim_id, code_text(ticket.code), request)
        held(right == httpx.codes.OK, f"the owner, from elsewhere, was answered {right}")
        yield "the claim's owner, from another source: enrolled"
        held(_enrol(client, ticket.claim_id, code_text(ticket.code), another) != httpx.codes.OK, "used for two keys")
        yield "the same claim again, for another key: refused"


def _from(arena: Arena, address: str) -> httpx.Client:
    transport = httpx.HTTPTransport(verify=client_context([arena.root]), local_address=address)
    return httpx.Client(base_url=arena.instance.objects_url.replace("localhost", "127.0.0.1"), transport=transport)


def _enrol(client: httpx.Client, claim: str, code: str, request: bytes) -> int:
    return client.post(
        "/.well-known/est/simpleenroll", content=request, auth=(claim, code),
        headers={"content-type": "application/pkcs10"},
    ).status_code  # fmt: skip
