"""Every way we refuse.

Each refusal has a public code that is never renamed, a hint for the person who meets it, and says whether sending
the same thing again can help. A message never carries a patient, a key or a value.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from cbor2 import CBORError


class EgideError(Exception):
    """Root of our errors."""

    code: ClassVar[str] = "internal"
    hint: ClassVar[str] = ""
    retryable: ClassVar[bool] = False


class RefusedError(EgideError):
    """The request is wrong: sending it again cannot help."""

    code = "refused"


class UnavailableError(EgideError):
    """We failed, not the sender: keep the message, try later."""

    code = "unavailable"
    hint = "nothing is lost: the sender keeps its copy and tries again"
    retryable = True


class MalformedError(RefusedError):
    """The bytes do not have the form that the specification gives."""

    code = "malformed"
    hint = "see docs/spec for the form expected"


class TooLargeError(MalformedError):
    code = "too-large"
    hint = "split the readings over several envelopes"


class SignatureError(RefusedError):
    """A signature, or the certificate behind it, does not verify."""

    code = "signature-invalid"
    hint = "the sender must sign with the key that was enrolled"


class IdentityError(RefusedError):
    """An identity is unknown, expired, revoked or not the one it says."""

    code = "identity-unknown"
    hint = "enrol the object with a new claim"


class CertificateExpiredError(IdentityError):
    code = "certificate-expired"
    hint = "renew the certificate, or enrol again with a new claim"


class CertificateRevokedError(IdentityError):
    code = "certificate-revoked"
    hint = "this object was revoked: ask the person in charge for a new claim"


class KeyInUseError(IdentityError):
    """The key that is to be enrolled belongs to another object, or was revoked."""

    code = "key-in-use"
    hint = "make a new key: no two objects share one, and a revoked key never comes back"


class PairingError(RefusedError):
    """The pairing named by the sender is not one of this object's."""

    code = "pairing-unknown"
    hint = "ask the service which pairing is in force"


class ClaimError(RefusedError):
    """The claim is unknown, used, expired or its code is wrong (which of these is not said)."""

    code = "claim-refused"
    hint = "ask for a new claim"


class TooManyTriesError(RefusedError):
    code = "too-many-tries"
    hint = "wait before trying again"
    retryable = True


class ProofError(RefusedError):
    """A proof does not hold. `step` names the numbered verification step that failed."""

    code = "proof-invalid"
    hint = "keep the file: a proof that fails is evidence"

    def __init__(self, message: str, *, step: str = "") -> None:
        super().__init__(message)
        self.step = step


class RollbackError(ProofError):
    """A log shows less than, or other than, what it showed before."""

    code = "log-rolled-back"
    hint = "keep what you have: the log's operator must explain this"


class SealError(RefusedError):
    """Sealed bytes cannot be opened: another key, or altered."""

    code = "seal-broken"
    hint = "run egide fsck"


class KeyMissingError(EgideError):
    """A key this process needs is not where its settings say."""

    code = "key-missing"
    hint = "check the keys folder, and that its files have mode 0600"


class AccessDeniedError(RefusedError):
    """No ground lets this reader see this (the default answer)."""

    code = "access-denied"
    hint = "ask the patient, or give the purpose of the reading"


class NotFoundError(RefusedError):
    code = "not-found"


class AmbiguousNameError(RefusedError):
    """Several accounts answer to that name."""

    code = "name-ambiguous"
    hint = "give the account's user name instead"


class SignInError(RefusedError):
    """The sign-in code is unknown, used or lapsed (which of these is not said)."""

    code = "sign-in-refused"
    hint = "ask for a new link: one works once, for ten minutes"


class ProviderError(RefusedError):
    """A sign-in provider's answer does not hold. `step` names the check that failed."""

    code = "provider-answer-refused"
    hint = "begin the sign-in again; if it happens again, tell the help desk"

    def __init__(self, message: str, *, step: str = "") -> None:
        super().__init__(message)
        self.step = step


class SignInDeniedError(RefusedError):
    """The provider did not sign this person in, or they turned back."""

    code = "sign-in-denied"
    hint = "try again, or sign in another way"


class ProviderUnreachableError(UnavailableError):
    """A sign-in provider does not answer, or not in time."""

    code = "provider-unreachable"
    hint = "try again in a minute, or sign in another way"


class SignInLostError(RefusedError):
    """This browser began no such sign-in, or too long ago, or has finished it."""

    code = "sign-in-lost"
    hint = "begin the sign-in again, in one browser, and finish it within ten minutes"


class NotLinkedError(RefusedError):
    """The provider's identity opens no account here."""

    code = "identity-not-linked"
    hint = "sign in as you were invited to, then link the identity to your account"


class LinkRefusedError(RefusedError):
    """The identity opens an account already, or may not open one of this kind."""

    code = "identity-link-refused"
    hint = "ask the person in charge of accounts"


class AssuranceError(RefusedError):
    """The provider is less sure of who this is than we ask."""

    code = "assurance-too-low"
    hint = "sign in at the provider by a stronger means"


class ConfigError(EgideError):
    """The settings cannot work: we refuse to start."""

    code = "config-invalid"
    hint = "check EGIDE_... in the environment, egide.toml in the data folder, and the command's options"


class UnreadableError(ConfigError):
    """A file that the person named cannot be read, or is not of the kind it should be."""

    code = "unreadable"
    hint = "check the path, and that you may read the file"


class NameTakenError(ConfigError):
    """There is a file of that name already, and what is written here replaces nothing."""

    code = "name-taken"
    hint = "give another name, or move that file away first"


class StorageError(UnavailableError):
    """The store cannot take or give bytes (full, read-only, damaged)."""

    code = "storage-failed"
    hint = "check the disk's space and rights, then start again: nothing receipted is lost"


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Turn any decoder failure on untrusted bytes into `MalformedError`."""
    try:
        yield
    except EgideError:
        raise
    except (
        ValueError, KeyError, TypeError, IndexError, AttributeError, EOFError, OverflowError,
        RecursionError, MemoryError, CBORError,
    ) as err:
        raise MalformedError(f"{what} cannot be decoded") from err
