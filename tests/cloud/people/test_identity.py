"""Identity: what proves it, which status it earns, and who may say so."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from pytest_django import Settings

from egide.cloud.people import identity, insi, offices, proofing
from egide.cloud.people.ins import TEST, Ins
from egide.cloud.people.insi import InsiAnswer
from egide.cloud.people.invitations import invite_relative
from egide.cloud.people.models import Account, Identity
from egide.cloud.people.proofing import Level
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from egide.cloud.register.models import Statement
from egide.errors import AccessDeniedError, NotFoundError, RefusedError
from tests.cloud.people.conftest import NOW, House

pytestmark = pytest.mark.django_db
ALICE = Traits(birth_name="Martin", given_names="Alice Jeanne", birth_date="1955-08-03", sex="F", birth_place="14168")
NUMBER = Ins.read("255081416802538")


@dataclass(frozen=True, slots=True)
class Answering:
    """A service of these tests: gives one answer, whatever it is asked."""

    answer: InsiAnswer

    def retrieve(self, traits: Traits) -> InsiAnswer:
        return self.answer


SERVICE = Answering(InsiAnswer(ins=NUMBER, traits=ALICE, reference="r-1"))


@pytest.fixture
def nurse(house: House, nora: Account) -> Account:
    offices.appoint(nora, house.hospital, "nurse", by=house.pair, now_ms=NOW)
    return nora


@pytest.fixture
def alice(house: House) -> Account:
    return create_account("patient", "Alice Martin", NOW, at=house.hospital)


def test_an_identity_rises_by_what_was_shown(alice: Account, nurse: Account) -> None:
    """Declared: provisional. The service: retrieved. A passport too: qualified, and only then may the number leave."""
    assert identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW).status == "provisoire"
    identity.declare_ins(alice, NUMBER, by=alice, now_ms=NOW)
    assert identity.known_identity(alice).status == "provisoire"
    assert identity.retrieve_identity(alice, SERVICE, by=nurse, now_ms=NOW).status == "récupérée"
    with pytest.raises(RefusedError):
        identity.ins_to_share(alice)
    assert identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW).status == "qualifiée"
    assert identity.ins_to_share(alice) == NUMBER
    assert Identity.objects.get().status == "qualifiée"
    assert proofing.proof_of(alice).level == Level.DESK


def test_a_document_without_the_service_validates_and_no_more(alice: Account, nurse: Account) -> None:
    """And one that is not of high trust changes nothing, but for somebody assisted."""
    identity.declare_identity(alice, ALICE, by=nurse, now_ms=NOW)
    assert identity.prove_identity(alice, "health-card", by=nurse, now_ms=NOW).status == "provisoire"
    assert identity.prove_identity(alice, "birth-certificate", by=nurse, now_ms=NOW).status == "provisoire"
    known = identity.prove_identity(alice, "birth-certificate", by=nurse, now_ms=NOW, assisted=True)
    assert known.status == "validée"
    assert known.ins is None


def test_a_lesser_document_takes_nothing_from_a_better_one(alice: Account, nurse: Account) -> None:
    """In either order the passport counts; the card shown after it is a signed line, and lowers nothing."""
    identity.declare_identity(alice, ALICE, by=nurse, now_ms=NOW)
    for document in ("other-document", "passport", "health-card", "birth-certificate"):
        known = identity.prove_identity(alice, document, by=nurse, now_ms=NOW)
    assert (known.status, known.document) == ("validée", "passport")
    assert identity.known_identity(alice) == known
    assert identity.prove_identity(alice, "identity-card", by=nurse, now_ms=NOW).document == "identity-card"
    assert identity.prove_identity(alice, "health-card", by=nurse, now_ms=NOW + 1).document == "identity-card"
    assert proofing.proof_of(alice).evidence == "identity-card"
    assert Statement.objects.filter(subject=alice.pk, kind="proofing").count() == 6


def test_an_assisted_proof_is_not_lost_to_the_same_document_without_help(alice: Account, nurse: Account) -> None:
    """A birth certificate with a parent's own document proves; alone, it is noted."""
    identity.declare_identity(alice, ALICE, by=nurse, now_ms=NOW)
    identity.prove_identity(alice, "birth-certificate", by=nurse, now_ms=NOW, assisted=True)
    known = identity.prove_identity(alice, "birth-certificate", by=nurse, now_ms=NOW)
    assert (known.status, known.assisted) == ("validée", True)


def test_a_proof_of_other_traits_is_no_longer_the_level(alice: Account, nurse: Account) -> None:
    """A passport shown for one person says nothing of another; a correction of an accent leaves it."""
    identity.declare_identity(alice, ALICE, by=nurse, now_ms=NOW)
    identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)
    identity.declare_identity(alice, replace(ALICE, used_name="Durand"), by=alice, now_ms=NOW)
    assert proofing.proof_of(alice).level == Level.DESK
    identity.declare_identity(alice, replace(ALICE, birth_date="1956-08-03"), by=alice, now_ms=NOW)
    assert proofing.proof_of(alice).level == Level.NONE
    identity.prove_identity(alice, "health-card", by=nurse, now_ms=NOW)
    assert (proofing.proof_of(alice).level, proofing.proof_of(alice).evidence) == (Level.DESK, "health-card")


def test_without_a_connection_nothing_is_retrieved(settings: Settings) -> None:
    """The product has no imitation of the service: it says that it is not connected."""
    with pytest.raises(RefusedError):
        insi.connected()
    settings.INSI = SERVICE
    assert insi.connected() is SERVICE


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(replace(SERVICE.answer, ins=Ins.read(NUMBER.number, TEST, real=False)), id="a-number-of-tests"),
        pytest.param(replace(SERVICE.answer, traits=replace(ALICE, birth_date="1955-08-04")), id="another-date"),
        pytest.param(replace(SERVICE.answer, traits=replace(ALICE, sex="M")), id="another-sex"),
    ],
)
def test_an_answer_about_somebody_else_is_refused(alice: Account, nurse: Account, answer: InsiAnswer) -> None:
    """And the identity stays what it was."""
    before = identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW)
    with pytest.raises(RefusedError):
        identity.retrieve_identity(alice, Answering(answer), by=nurse, now_ms=NOW)
    assert identity.known_identity(alice) == before


def test_correcting_the_traits_undoes_what_proved_the_others(alice: Account, nurse: Account) -> None:
    """An accent or a name of use is a correction; another name or date is another identity."""
    identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW)
    identity.retrieve_identity(alice, SERVICE, by=nurse, now_ms=NOW)
    identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)
    used = replace(ALICE, used_name="Durand")
    assert identity.declare_identity(alice, used, by=alice, now_ms=NOW).status == "qualifiée"
    other = identity.declare_identity(alice, replace(used, birth_date="1956-08-03"), by=alice, now_ms=NOW)
    assert (other.status, other.ins, other.document) == ("provisoire", None, "")


def test_traits_that_the_service_changes_are_proved_again(alice: Account, nurse: Account) -> None:
    """What was compared with the passport was another name."""
    identity.declare_identity(alice, replace(ALICE, birth_name="Martine"), by=alice, now_ms=NOW)
    identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)
    assert identity.retrieve_identity(alice, SERVICE, by=nurse, now_ms=NOW).status == "récupérée"


def test_a_fictive_or_doubtful_identity_stays_provisional(alice: Account, nurse: Account) -> None:
    """The service is not asked about it; what was known comes back when the mark goes."""
    identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW)
    identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)
    for mark in ("fictive", "doubtful"):
        flags = {"fictive": None, "doubtful": None}
        assert identity.mark_identity(alice, by=nurse, now_ms=NOW, **{**flags, mark: True}).status == "provisoire"
        with pytest.raises(RefusedError):
            identity.retrieve_identity(alice, SERVICE, by=nurse, now_ms=NOW)
        assert identity.mark_identity(alice, by=nurse, now_ms=NOW, **{**flags, mark: False}).status == "validée"
    with pytest.raises(AccessDeniedError):
        identity.mark_identity(alice, by=alice, now_ms=NOW, fictive=True)
    identity.mark_identity(alice, by=nurse, now_ms=NOW, fictive=True)
    with pytest.raises(RefusedError):
        identity.prove_identity(alice, "passport", by=nurse, now_ms=NOW)


def test_a_row_raised_in_the_table_raises_nothing(alice: Account, nurse: Account, house: House) -> None:
    """The signed statement is what says the status; one moved from another patient says nothing here."""
    identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW)
    Identity.objects.update(status="qualifiée", doubtful=False)
    assert identity.known_identity(alice).status == "provisoire"
    bob = create_account("patient", "Bob", NOW, at=house.hospital)
    Statement.objects.filter(kind="identity").update(subject=bob.pk)
    for patient in (alice, bob):
        with pytest.raises(NotFoundError):
            identity.known_identity(patient)


def test_only_the_patient_or_a_desk_where_they_are_known_writes(alice: Account, nurse: Account, house: House) -> None:
    """Somebody of elsewhere, of no place, and another patient: refused each time."""
    stranger = create_account("professional", "Sonia", NOW)
    offices.appoint(stranger, house.practice, "doctor", by=house.pair, now_ms=NOW)
    identity.declare_identity(alice, ALICE, by=alice, now_ms=NOW)
    for by in (stranger, house.security, create_account("patient", "Bob", NOW, at=house.hospital)):
        with pytest.raises(AccessDeniedError):
            identity.declare_identity(alice, ALICE, by=by, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            identity.declare_ins(alice, NUMBER, by=by, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            identity.prove_identity(alice, "passport", by=by, now_ms=NOW)
        with pytest.raises(AccessDeniedError):
            identity.retrieve_identity(alice, SERVICE, by=by, now_ms=NOW)
    with pytest.raises(AccessDeniedError):
        identity.prove_identity(alice, "passport", by=alice, now_ms=NOW)
    with pytest.raises(RefusedError):
        identity.declare_identity(nurse, ALICE, by=nurse, now_ms=NOW)


def test_levels_of_proof_are_signed_and_the_strongest_counts(alice: Account, nurse: Account, house: House) -> None:
    """Declared, desk, electronic; for staff by an officer; never by oneself; ids and kinds only in clear."""
    assert proofing.proof_of(alice).level == Level.NONE
    proofing.prove_by_eid(alice, "franceconnect-plus", now_ms=NOW)
    proofing.declare_self(alice, now_ms=NOW + 1)
    proofing.prove_at_desk(alice, "passport", by=nurse, now_ms=NOW + 2)
    best = proofing.proof_of(alice)
    assert (best.level, best.evidence, best.level.code) == (Level.HIGH, "franceconnect-plus", "high")
    proofing.prove_at_desk(nurse, "identity-card", by=house.admin, now_ms=NOW)
    assert proofing.proof_of(nurse) == proofing.Proof(
        level=Level.DESK, evidence="identity-card", by=str(house.admin.pk), at_ms=NOW
    )
    for who, document, by in ((nurse, "passport", nurse), (nurse, "passport", alice), (alice, "library-card", nurse)):
        with pytest.raises(RefusedError):
            proofing.prove_at_desk(who, document, by=by, now_ms=NOW)
    with pytest.raises(RefusedError):
        proofing.prove_by_eid(alice, "a-friend", now_ms=NOW)
    for row in Statement.objects.filter(subject=alice.pk):
        assert b"passport" not in bytes(row.body)


def test_a_desk_vouches_only_where_the_person_is_known(nurse: Account, house: House) -> None:
    """A relative where they were invited, a colleague where one steers; an officer of elsewhere for nobody here."""
    relative, _ = invite_relative("Rémi Martin", house.hospital, by=nurse, now_ms=NOW)
    chief, stranger = (create_account("operator", name, NOW) for name in ("Chloé", "Denis"))
    offices.appoint(chief, house.hospital, "administrator", by=house.pair, now_ms=NOW)
    offices.appoint(stranger, house.practice, "administrator", by=house.pair, now_ms=NOW)
    for who, by in (
        (relative, nurse),
        (relative, chief),
        (nurse, chief),
        (chief, house.admin),
        (stranger, house.admin),
    ):
        proofing.prove_at_desk(who, "passport", by=by, now_ms=NOW)
    for who, by in ((relative, stranger), (nurse, stranger), (chief, stranger), (house.admin, chief), (chief, nurse)):
        with pytest.raises(AccessDeniedError):
            proofing.prove_at_desk(who, "passport", by=by, now_ms=NOW)
