"""From a claim to a folder in which an object can be opened. What fails can be tried again."""

from __future__ import annotations

from pathlib import Path

from egide.errors import IdentityError
from egide.things.clock import ObjectClock
from egide.things.enrolment import enrol, fetch_root
from egide.things.files import locked, make_folder, write
from egide.things.folder import Folder, State, Token
from egide.things.https import Https
from egide.things.keys import FileSigner
from egide.things.line import set_clock
from egide.things.pinned import client_context
from egide.trust.claim import ClaimTicket
from egide.trust.identity import ca_pin, parse_certificate

__all__ = ["join"]


def join(
    ticket: ClaimTicket, path: Path, *, kind: str = "p256", token: Token | None = None, clock: ObjectClock
) -> None:
    """Enrol, or, in a folder that was enrolled before, come back under the same name with a new claim.

    1. Pin the CA whose public key has the claim's hash.  2. Make the key, or keep the one that is there.
    3. Set the clock by the platform's signed time.  4. Ask for the certificate with the claim's code.
    5. Keep it all; `object.json` last, so that a folder is enrolled or is not.

    Raises:
        IdentityError: the server's CA is not the claim's, or the claim is another object's than the folder's.
        ClaimError, TooManyTriesError, UnavailableError, StorageError, KeyMissingError, ConfigError.
    """
    make_folder(path)
    folder = Folder(path)
    with locked(folder.lock):
        root = folder.root()
        if root is None:
            root = fetch_root(ticket)
        elif ca_pin(parse_certificate(root)) != ticket.ca_sha256:
            raise IdentityError("this folder was enrolled under another CA: use another folder")
        before = folder.state() if folder.enrolled else None
        if token is None and before is not None:
            token = before.token
        signer = FileSigner.create(folder.key, kind=kind)
        if token is not None:
            token.signer(create=True).close()
        https = Https(ticket.url, client_context([root]))
        try:
            set_clock(https, clock, root)
            issued = enrol(https, ticket, signer, root, at_ms=clock.now_ms())
        finally:
            https.close()
        uuid = issued.certificate.uuid
        if before is not None and before.uuid != uuid:
            raise IdentityError("this claim is for another object: use another folder")
        folder.pin_root(root)
        write(folder.certificate, issued.pem())
        folder.signing.unlink(missing_ok=True)
        folder.keep_state(
            State(
                url=ticket.url,
                uuid=uuid,
                token=token,
                pairings=() if before is None else before.pairings,
                mqtt=None if before is None else before.mqtt,
            )
        )
