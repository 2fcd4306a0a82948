"""Who the object is today: the key of its connections, the key that signs its envelopes, and their
certificates.

They are one key, unless a token signs: the standard library cannot use a token for TLS, so such an object
has a second key, in a file, for its connections only. The platform issues to both under the same name.
"""

from __future__ import annotations

from egide.errors import IdentityError
from egide.things.enrolment import Issued, renew
from egide.things.files import write
from egide.things.folder import Folder, State
from egide.things.https import Https
from egide.things.keys import FileSigner, TokenSigner
from egide.things.schedule import Random, renewal_at
from egide.trust.cose import Signer

__all__ = ["Identity"]


class Identity:
    """Reads the folder's keys and certificates; renews them."""

    def __init__(self, folder: Folder, state: State, root: bytes, random: Random) -> None:
        """Raises KeyMissingError, IdentityError, MalformedError: a file is absent or is not what it should
        be.
        """
        self._folder, self._state, self._root = folder, state, root
        self._transport: FileSigner = folder.transport_signer()
        self._token: TokenSigner | None = None if state.token is None else state.token.signer()
        self.transport: Issued = folder.issued(folder.certificate, self._transport, root)
        if self.transport.certificate.uuid != state.uuid:
            raise IdentityError("the certificate in this folder is another object's")
        self._signing: Issued | None = self._read_signing()
        self._random = random
        self._renew_at = self._draw()

    def _read_signing(self) -> Issued | None:
        if self._token is None:
            return self.transport
        if not self._folder.signing.exists():
            return None
        return self._folder.issued(self._folder.signing, self._token, self._root)

    @property
    def signer(self) -> Signer:
        """What signs the envelopes."""
        return self._transport if self._token is None else self._token

    @property
    def signing(self) -> Issued | None:
        """The certificate of `signer`; None until a token's key has one."""
        return self._signing

    @property
    def secure_hardware(self) -> bool:
        return self._token is not None and self._token.secure_hardware

    def usable(self, now_ms: int, *, synchronised: bool) -> bool:
        """May envelopes be signed now? An object whose clock is not set lets the platform judge."""
        if self._signing is None:
            return False
        return not synchronised or now_ms <= self._signing.certificate.not_after_ms

    def certify_token(self, https: Https, *, at_ms: int) -> None:
        """Ask for the token key's first certificate, over the transport key's connection."""
        if self._token is not None and self._signing is None:
            self._keep_signing(renew(https, self._token, [self._root], at_ms=at_ms))
            self._renew_at = self._draw()

    def renew_if_due(self, https: Https, *, now_ms: int) -> bool:
        """Renew what has used two thirds of its life. True when the connections must be made anew."""
        if now_ms < self._renew_at:
            return False
        if self._token is not None:
            self._keep_signing(renew(https, self._token, [self._root], at_ms=now_ms))
        issued = renew(https, self._transport, [self._root], at_ms=now_ms)
        self._require_own(issued)
        write(self._folder.certificate, issued.pem())
        self.transport = issued
        if self._token is None:
            self._signing = issued
        self._renew_at = self._draw()
        return True

    def _keep_signing(self, issued: Issued) -> None:
        self._require_own(issued)
        write(self._folder.signing, issued.pem())
        self._signing = issued

    def _require_own(self, issued: Issued) -> None:
        if issued.certificate.uuid != self._state.uuid:
            raise IdentityError("the platform renewed the certificate under another name")

    def _draw(self) -> int:
        ends = [self.transport.certificate] + (
            [self._signing.certificate] if self._signing is not None else []
        )
        return min(renewal_at(c.not_before_ms, c.not_after_ms, self._random) for c in ends)

    def close(self) -> None:
        if self._token is not None:
            self._token.close()
