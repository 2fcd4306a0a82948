"""What every verifier of a file does before it believes a key in it: roots, logs, and steps that have names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature

from egide.errors import EgideError, ProofError, SignatureError
from egide.trust.anchors import Anchors, LogAnchor
from egide.trust.evidence.form import Epoch
from egide.trust.genesis import Genesis, verify_genesis
from egide.trust.identity import ca_pin, parse_certificate
from egide.trust.identity.profile import reading

__all__ = ["Steps", "require_anchored_roots", "verify_log"]


@dataclass(slots=True)
class Steps:
    """The steps that passed, in order."""

    passed: list[str] = field(default_factory=list)

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Raises ProofError, with the step's name, for whatever fails inside it."""
        try:
            yield
        except EgideError as err:
            raise ProofError(f"step {name}: {err}", step=name) from err
        self.passed.append(name)


def require_anchored_roots(roots: Sequence[bytes], anchors: Anchors | None) -> None:
    """By their keys, for a root may have been renewed since it was pinned; each is signed by its own.

    Raises:
        TooLargeError, MalformedError, SignatureError: not a root certificate.
        ProofError: one of them is not in the anchors.
    """
    pins = set()
    for root in roots:
        certificate = parse_certificate(root)
        pins.add(ca_pin(certificate))
        with reading("a root certificate"):
            try:
                certificate.verify_directly_issued_by(certificate)
            except InvalidSignature as err:
                raise SignatureError("a root certificate is not signed by its own key") from err
    if anchors is not None and not pins.issubset(anchors.root_pins()):
        raise ProofError("the file brings a root certificate that is not in the anchors")


def verify_log(
    log: LogAnchor, epochs: Sequence[Epoch], roots: Sequence[bytes], anchors: Anchors | None
) -> list[Genesis]:
    """Require that the reader trusts the log, or one that it follows; return the epochs' genesis, oldest first.

    Raises:
        EgideError: as `verify_genesis`; or ProofError, the log is not trusted or the epochs do not lead to it.
    """
    found = [verify_genesis(epoch.statement, epoch.chain, roots) for epoch in epochs]
    lineage = _lineage(found, log)
    if anchors is None:
        return found
    pinned = anchors.log(log.uri)
    if pinned is not None:
        if pinned != log:
            raise ProofError("the file brings another origin or key than the anchors have for this log")
    elif not any((known := anchors.log(uri)) and known.origin == origin for origin, uri in lineage):
        raise ProofError("neither the log nor one that it follows is in the anchors")
    return found


def _lineage(epochs: list[Genesis], log: LogAnchor) -> list[tuple[str, str]]:
    """(origin, uri) of the logs before this one. Raises ProofError when the epochs do not lead to it."""
    lineage: list[tuple[str, str]] = []
    reached: LogAnchor | None = None
    for genesis in epochs:
        before = genesis.previous and (genesis.previous.origin, genesis.previous.uri)
        if reached and before != (reached.origin, reached.uri):
            raise ProofError("the epochs of the file do not follow each other")
        if before:
            lineage.append(before)
        reached = genesis.log
    if reached not in (None, log):
        raise ProofError("the epochs of the file lead to another log")
    return lineage
