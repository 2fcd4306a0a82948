"""How a person's identity was proved: a level, said by a signed statement. Nothing else says it.

    none < self-declared < desk (somebody saw a document) < high (electronic identification)

A patient's proof is sealed for the patient; a professional's carries ids and the kind of document only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

from egide.cloud.keys.records import care_key
from egide.cloud.people.authority import PROPOSERS
from egide.cloud.people.establishments import home, place_of
from egide.cloud.people.models import Account, Invitation
from egide.cloud.people.offices import holder_of, offices_of
from egide.cloud.people.registrations import REGISTRARS, registered_at
from egide.cloud.people.traits import DOCUMENTS, Traits, worth
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import AccessDeniedError, EgideError, RefusedError
from egide.trust.cose import CWT, Sign1
from egide.trust.limits import LIMITS

__all__ = [
    "EID_SCHEMES", "Level", "Proof", "declare_self", "proof_of", "prove_at_desk", "prove_by_eid", "require_desk",
    "signed_facts",
]  # fmt: skip

KIND: Final = "proofing"
_IDENTITY: Final = "identity"
#: Electronic identifications that prove an identity, by the adapter that checked the provider's answer.
EID_SCHEMES: Final = frozenset({"franceconnect-plus", "france-identite", "pro-sante-connect", "eidas-high"})


class Level(IntEnum):
    """In rising order."""

    NONE = 0
    SELF_DECLARED = 1
    DESK = 2
    HIGH = 3

    @property
    def code(self) -> str:
        return self.name.lower().replace("_", "-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The strongest proof of an identity: its level, the kind of evidence, who saw it, when."""

    level: Level
    evidence: str = ""
    by: str = ""  # account id; "" for electronic identification
    at_ms: int = 0


def declare_self(account: Account, *, now_ms: int) -> None:
    """The person says who they are; nobody checked."""
    _say(account, Level.SELF_DECLARED, "", str(account.pk), now_ms)


def prove_at_desk(account: Account, document: str, *, by: Account, now_ms: int) -> None:
    """Somebody saw a document and the person.

    Raises:
        RefusedError: no such kind of document. AccessDeniedError: `by` receives nobody where this person is known, or
        is this person.
    """
    if document not in DOCUMENTS:
        raise RefusedError("there is no such kind of document")
    require_desk(account, by=by, now_ms=now_ms)
    _say(account, Level.DESK, document, str(by.pk), now_ms)


def prove_by_eid(account: Account, scheme: str, *, now_ms: int) -> None:
    """A provider's answer that an adapter has verified. Raises RefusedError: no such scheme."""
    if scheme not in EID_SCHEMES:
        raise RefusedError("there is no such electronic identification")
    _say(account, Level.HIGH, scheme, "", now_ms)


def require_desk(account: Account, *, by: Account, now_ms: int) -> None:
    """Who may vouch for this person: who registers patients where a patient is known, or where a relative was invited;
    for somebody who holds offices, an officer who steers one of those places.

    Raises AccessDeniedError: nobody vouches for themselves.
    """
    if by.pk == account.pk:
        raise AccessDeniedError("nobody proves their own identity at a desk")
    if account.role in (Account.Role.PROFESSIONAL, Account.Role.OPERATOR):
        places = {m.establishment for m in offices_of(account, now_ms=now_ms)} or {home(now_ms)}
        holder = holder_of(by, now_ms=now_ms)
        if not any(holder.holds(place_of(place), PROPOSERS) for place in places):
            raise AccessDeniedError("this account steers nothing where this person works")
        return
    known_at = registered_at(account)
    if account.role == Account.Role.RELATIVE:
        known_at = frozenset(Invitation.objects.filter(account=account).values_list("establishment_id", flat=True))
    held = {m.establishment_id for m in offices_of(by, now_ms=now_ms) if m.office in REGISTRARS}
    if not held & known_at:
        raise AccessDeniedError("this account receives nobody where this person is known")


def proof_of(account: Account) -> Proof:
    """The strongest proof that a signed statement says and that still holds; of two alike, the latest.

    At one level, a document that proves an identity is stronger than one that is only noted. What was shown for other
    traits, which were another person's, proves nothing of these.
    """
    best, person = Proof(level=Level.NONE), None
    for kind, at_ms, facts in _said(account, (KIND, _IDENTITY)):
        try:
            if kind == _IDENTITY:
                traits = Traits.from_facts(facts["traits"])
                best = best if person is None or person.same_person(traits) else Proof(level=Level.NONE)
                person = traits
            else:
                found = Proof(level=Level(facts["level"]), evidence=facts["evidence"], by=facts["by"], at_ms=at_ms)
                best = max(found, best, key=_strength)
        except (EgideError, KeyError, TypeError, ValueError):
            continue
    return best


def _strength(proof: Proof) -> tuple[int, int]:
    return proof.level, worth(proof.evidence, assisted=False)


def signed_facts(account: Account, *kinds: str) -> list[tuple[int, dict[str, Any]]]:
    """(time, facts) of an account's own statements of these kinds, oldest first.

    A patient's facts are the sealed ones. A statement whose signature or seal does not hold says nothing.
    """
    return [(at_ms, facts) for _, at_ms, facts in _said(account, kinds)]


def _said(account: Account, kinds: tuple[str, ...]) -> list[tuple[str, int, dict[str, Any]]]:
    """(kind, time, facts), in the order of the register."""
    rows = list(Statement.objects.filter(subject=account.pk, kind__in=kinds).order_by("entry"))
    if not rows:
        return []
    found: list[tuple[str, int, dict[str, Any]]] = []
    key = platform().signer.public_key
    record = care_key(account.pk) if account.role == Account.Role.PATIENT else None
    for row in rows:
        try:
            statement = Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement")
            statement.verify(key)
            said = open_statement(row, record)
        except (EgideError, TypeError):
            continue
        about = statement.header.get(CWT, {}).get(2)
        if said.kind in kinds and about == f"urn:uuid:{account.pk}":
            found.append((said.kind, said.at_ms, dict((said.personal if record else said.facts) or {})))
    return found


def _say(account: Account, level: Level, evidence: str, by: str, now_ms: int) -> None:
    said = {"level": int(level), "evidence": evidence, "by": by}
    if account.role == Account.Role.PATIENT:
        append_statement(KIND, account.pk, {}, now_ms=now_ms, personal=said, sealed_for=care_key(account.pk))
    else:
        append_statement(KIND, account.pk, said, now_ms=now_ms)
