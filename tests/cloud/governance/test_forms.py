"""Forms: sealed by the establishment, read by an independent reader, and honest about what they are."""

from __future__ import annotations

import hashlib
import subprocess
from datetime import date
from pathlib import Path

import pytest

from egide.cloud.consent.proof import signed_consents
from egide.cloud.governance.forms import KIND, care_agreement, mandate
from egide.cloud.governance.sealing import the_seal
from egide.cloud.keys.records import care_key
from egide.cloud.options import Options
from egide.cloud.people.establishments import create_establishment
from egide.cloud.people.models import Account
from egide.cloud.people.offices import seat
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.publishing import publish
from egide.cloud.release.proof import platform_anchors
from egide.errors import NotFoundError, RefusedError
from egide.trust.grant import verify_consent_proof
from tests.cloud.conftest import NOW as CLOCK
from tests.support.consents import Passkey as Authenticator
from tests.support.signing import meet
from tests.support.thing import DAY, NOW
from tests.support.ward import Ward

LATER = CLOCK + DAY


def run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True).stdout


def signatures(content: bytes, tmp_path: Path) -> str:
    """What poppler's pdfsig says. Trust in our CA is not its business: the file is checked, not the list."""
    file = tmp_path / "form.pdf"
    file.write_bytes(content)
    return run("pdfsig", "-nocert", str(file))


@pytest.fixture
def form(alice: Account, charlie: Account) -> bytes:
    return care_agreement(alice, charlie, how="oral", agreed=True, lang="fr", now_ms=NOW).content


def test_an_independent_reader_finds_one_valid_seal_over_the_whole_file(form: bytes, tmp_path: Path) -> None:
    """PAdES, by the seal's own certificate, nothing outside what is signed."""
    said = signatures(form, tmp_path)
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "ETSI.CAdES.detached" in said
    assert "seal of the establishment" in said
    assert said.count("Signature #") == 1


def test_one_letter_changed_is_seen(form: bytes, tmp_path: Path) -> None:
    """In the document, in the middle of what is signed."""
    at = form.index(b"/Title")
    said = signatures(form[: at + 2] + b"X" + form[at + 3 :], tmp_path)
    assert "Signature is Valid" not in said


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        pytest.param("fr", ("Alice Martin accepte", "à l’oral par Charlie", "signature électronique simple"), id="fr"),
        pytest.param("en", ("Alice Martin agrees", "orally by Charlie Petit", "simple electronic signature"), id="en"),
    ],
)
def test_a_form_says_what_was_agreed_and_what_the_seal_is_worth(
    alice: Account, charlie: Account, tmp_path: Path, lang: str, words: tuple[str, ...]
) -> None:
    """In the person's language, in words; tagged, with its font inside."""
    file = tmp_path / "form.pdf"
    file.write_bytes(care_agreement(alice, charlie, how="oral", agreed=True, lang=lang, now_ms=NOW).content)
    text = " ".join(run("pdftotext", str(file), "-").split())
    assert [w for w in words if w not in text] == []
    assert "Tagged: yes" in " ".join(run("pdfinfo", str(file)).split())


def test_what_the_person_signed_goes_with_the_form(ward: Ward, tmp_path: Path) -> None:
    """Embedded, byte for byte a proof that anyone checks offline; in the form: its text, and what it is worth."""
    people = meet(ward, Authenticator())
    people.give(people.sign(people.ask()))
    publish(now_ms=LATER)
    ((entry, said),) = signed_consents(people.alice.pk)
    form = care_agreement(
        people.alice, people.bob, how="screen", agreed=True, lang="en", now_ms=LATER, consent=entry
    )
    assert "Signature is Valid" in signatures(form.content, tmp_path)
    run("pdfdetach", "-saveall", "-o", str(tmp_path), str(tmp_path / "form.pdf"))
    (file,) = tmp_path.glob("egide-consent-*.cbor")
    proved = verify_consent_proof(file.read_bytes(), platform_anchors())
    assert proved.consent.shown.text == said.shown.text
    text = " ".join(run("pdftotext", str(tmp_path / "form.pdf"), "-").split())
    assert said.shown.text in text
    assert "It too is a simple electronic signature." in text
    with pytest.raises(NotFoundError):
        care_agreement(
            people.charlie, people.bob, how="screen", agreed=True, lang="en", now_ms=LATER, consent=entry
        )


def test_a_refusal_is_traced_too(alice: Account, charlie: Account, tmp_path: Path) -> None:
    """No less than an agreement."""
    file = tmp_path / "form.pdf"
    file.write_bytes(care_agreement(alice, charlie, how="paper", agreed=False, lang="en", now_ms=NOW).content)
    assert "Alice Martin refuses to be followed" in " ".join(run("pdftotext", str(file), "-").split())


def test_the_register_names_the_very_file(alice: Account, charlie: Account) -> None:
    """Its SHA-256 and who made it, sealed to the patient's record."""
    made = mandate(alice, "Marc Martin", by=charlie, since=date(2026, 1, 1), until=None, lang="fr", now_ms=NOW)
    row = Statement.objects.get(entry=made.entry, kind=KIND)
    assert open_statement(row).facts == {"form": "mandate"}
    own = open_statement(row, care_key(alice.pk)).personal
    assert own == {"sha256": hashlib.sha256(made.content).hexdigest(), "by": str(charlie.pk), "lang": "fr"}


def test_what_a_person_wrote_is_text_and_never_markup(alice: Account, charlie: Account, tmp_path: Path) -> None:
    """A name that looks like a command of the typesetter is a name."""
    name = '#panic() *gras* $x$ #read("/etc/passwd")'
    made = mandate(alice, name, by=charlie, since=date(2026, 1, 1), until=date(2026, 2, 1), lang="en", now_ms=NOW)
    file = tmp_path / "form.pdf"
    file.write_bytes(made.content)
    assert name in " ".join(run("pdftotext", str(file), "-").split())


def test_the_seal_is_made_once_and_only_its_owner_reads_it(opened_platform: Options) -> None:
    """The same key for every form; two files of mode 0600."""
    first, second = the_seal(now_ms=NOW), the_seal(now_ms=NOW + 1)
    assert first.chain == second.chain
    for name in ("seal.key", "seal.pem"):
        assert (opened_platform.keys / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", [{"how": "by-thought"}, {"lang": "de"}], ids=["no-such-way", "no-such-language"])
def test_a_form_of_another_kind_is_refused(alice: Account, charlie: Account, change: dict[str, str]) -> None:
    """And nothing enters the register."""
    with pytest.raises(RefusedError):
        care_agreement(alice, charlie, **{"how": "oral", "lang": "fr", **change}, agreed=True, now_ms=NOW)  # type: ignore[arg-type]
    assert not Statement.objects.filter(kind=KIND).exists()


def test_our_seal_is_put_on_no_relation_of_another_establishment(alice: Account, charlie: Account) -> None:
    """It says who sealed: what a doctor of a clinic took is not ours to seal."""
    clinic = create_establishment("clinic", "Clinique des Tilleuls", now_ms=NOW - 2)
    seat(charlie, clinic, "doctor", by=(charlie, charlie), now_ms=NOW - 1, how="ceremony")
    with pytest.raises(RefusedError, match="no seal here"):
        care_agreement(alice, charlie, how="oral", agreed=True, lang="en", now_ms=NOW)
