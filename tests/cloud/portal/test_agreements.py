"""What a patient says or signs at a desk: written down with its scan, marked as such, theirs to confirm or withdraw."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from egide.cloud.consent.follow_ups import begin_follow_up
from egide.cloud.consent.representation import record_death
from egide.cloud.people.desk import Recorded, agreements_of
from egide.cloud.people.establishments import create_establishment, home
from egide.cloud.people.models import Account, Agreement
from egide.cloud.people.offices import seat
from egide.cloud.people.registrations import register_patient
from egide.cloud.people.scans import MAX_SCAN
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from egide.cloud.signin.notices import notices_of
from tests.cloud.conftest import NOW
from tests.cloud.portal.conftest import Enter
from tests.cloud.portal.test_at_desk import staff
from tests.support.cast import Cast
from tests.support.papers import JPEG, PDF, PNG, pdf
from tests.support.ward import DAY_MS

SAID = {"about": "telemonitoring", "answer": "yes", "how": "paper signed-form"}


@pytest.fixture
def nurse(cast: Cast) -> Account:
    """A nurse of the place where Alice is known."""
    account = staff("Nadia Roy", "nurse")
    register_patient(cast.alice, home(NOW), by=account, now_ms=NOW)
    return account


def desk(cast: Cast, rest: str = "") -> str:
    return f"/desk/people/{cast.alice.pk}/agreements{rest}"


def write(client: Client, cast: Cast, scan: bytes | None = PDF, name: str = "form.pdf", **other: str) -> int:
    form: dict[str, object] = {**SAID, **other}
    if scan is not None:
        form["scan"] = SimpleUploadedFile(name, scan)
    return client.post(desk(cast), form).status_code


def only(patient: Account) -> Recorded:
    (said,) = agreements_of(patient)
    return said


def opened(patient: Account) -> int:
    return Statement.objects.filter(kind="agreement-scan", subject=patient.pk).count()


def test_a_paper_is_written_down_with_its_scan_and_waits_for_the_patient(
    cast: Cast, nurse: Account, enter: Enter
) -> None:
    """Both pages mark it as a paper, to be confirmed later, with the name of who wrote it; the patient is told."""
    client = enter(nurse)
    assert write(client, cast) == 302
    said = only(cast.alice)
    assert (said.about, said.agreed, said.way, said.evidence, said.by) == (
        "telemonitoring", True, "paper", "signed-form", str(nurse.pk),
    )  # fmt: skip
    assert PDF not in bytes(Agreement.objects.get().sealed_scan or b"")
    mine = enter(cast.alice)
    for page in (client.get(desk(cast)), mine.get("/me/agreements")):
        text = page.content.decode()
        for words in ("To be confirmed later", "On paper: they signed a form", "Written down by Nadia Roy"):
            assert words in text
    assert "1 answer of yours waits for you to confirm it" in mine.get("/me/sharing").content.decode()
    assert any("written down for you" in told.text for told in notices_of(cast.alice))


def test_the_patient_confirms_once_and_takes_back_at_any_time(cast: Cast, nurse: Account, enter: Enter) -> None:
    """Confirming twice, or after taking back, is refused; the desk reads each state."""
    assert write(enter(nurse), cast, None, how="oral witness") == 302
    path, mine = f"/me/agreements/{only(cast.alice).agreement}", enter(cast.alice)
    assert mine.post(f"{path}/confirm").status_code == 302
    assert only(cast.alice).confirmed_ms == NOW
    assert mine.post(f"{path}/confirm").status_code == 400
    text = enter(nurse).get(desk(cast)).content.decode()
    assert "Confirmed" in text
    assert "To be confirmed later" not in text
    assert "without a scan" in text
    assert mine.post(f"{path}/withdraw").status_code == 302
    assert only(cast.alice).withdrawn_ms == NOW
    assert mine.post(f"{path}/confirm").status_code == 400
    assert "Withdrawn" in enter(nurse).get(desk(cast)).content.decode()


def test_nobody_else_confirms_reads_or_takes_back(cast: Cast, nurse: Account, enter: Enter) -> None:
    """Another patient finds nothing of that name; who works at no desk, or at another, is refused."""
    assert write(enter(nurse), cast) == 302
    key = only(cast.alice).agreement
    for act in ("confirm", "withdraw", "scan"):
        assert enter(cast.charlie).post(f"/me/agreements/{key}/{act}").status_code == 404
    far = create_account("professional", "Flore Loin", NOW - DAY_MS)
    elsewhere = create_establishment("clinic", "Clinique des Pins", now_ms=NOW)
    seat(far, elsewhere, "nurse", by=(far, far), now_ms=NOW - 1, how="test")
    paul = create_account("relative", "Paul Moreau", NOW)
    for who, status in ((far, 404), (paul, 403), (cast.charlie, 403), (cast.diane, 403)):
        client = enter(who)
        assert client.get(desk(cast)).status_code == status
        assert write(client, cast) == status
        for act in ("scan", "withdraw"):
            assert client.post(desk(cast, f"/{key}/{act}")).status_code == status
    assert only(cast.alice).confirmed_ms is only(cast.alice).withdrawn_ms is None
    assert opened(cast.alice) == 0


def test_a_scan_opens_as_a_file_and_the_journal_says_by_whom(cast: Cast, nurse: Account, enter: Enter) -> None:
    """Never as a page: an attachment of the checked kind, kept by nobody. The officer opens it and writes none."""
    assert write(enter(nurse), cast) == 302
    key = only(cast.alice).agreement
    officer = staff_officer()
    for client, path in (
        (enter(nurse), desk(cast, f"/{key}/scan")), (enter(officer), desk(cast, f"/{key}/scan")),
        (enter(cast.alice), f"/me/agreements/{key}/scan"),
    ):  # fmt: skip
        assert client.get(path).status_code == 405
        answer = client.post(path)
        assert answer.content == PDF
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == 'attachment; filename="scan.pdf"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert "no-store" in answer["Cache-Control"]
    assert opened(cast.alice) == 3
    journal = enter(cast.alice).get("/me/journal").content.decode()
    assert journal.count("The scan of what you had said at the desk was opened.") == 3
    assert "Nadia Roy" in journal
    assert write(enter(officer), cast) == 403
    Agreement.objects.update(sealed_scan=None)
    assert enter(nurse).post(desk(cast, f"/{key}/scan")).status_code == 404
    assert opened(cast.alice) == 3, "what was not opened is not said to have been"


def staff_officer() -> Account:
    account = create_account("operator", "Denis Port", NOW - DAY_MS)
    seat(account, home(NOW), "dpo", by=(account, account), now_ms=NOW - 1, how="test")
    return account


@pytest.mark.parametrize(
    "scan",
    [b"<html><script>alert(1)</script>", b"", b"GIF89a", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b" %PDF-1.7",
     b"\x89PNG", b"%PDF-" + b"0" * MAX_SCAN, pdf("/OpenAction << /S /JavaScript /JS (app.alert(1)) >>"),
     PDF + b"<html><script>alert(1)</script>"],
    ids=["page", "empty", "gif", "svg", "late", "short", "large", "script", "two-files-in-one"],
)  # fmt: skip
def test_a_file_that_is_no_scan_is_refused_by_its_bytes(cast: Cast, nurse: Account, enter: Enter, scan: bytes) -> None:
    """Whatever name it has: nothing is written down."""
    assert write(enter(nurse), cast, scan) == 400
    assert not Agreement.objects.exists()
    assert agreements_of(cast.alice) == []


@pytest.mark.parametrize(("picture", "ending"), [(PNG, "png"), (JPEG, "jpg")])
def test_a_picture_of_a_paper_is_a_scan(cast: Cast, nurse: Account, enter: Enter, picture: bytes, ending: str) -> None:
    """As a telephone takes it; its own bytes name it, not the name that it came with; what follows it is not kept."""
    assert write(enter(nurse), cast, picture + b"<html>", name="page.html") == 302
    answer = enter(nurse).post(desk(cast, f"/{only(cast.alice).agreement}/scan"))
    assert answer["Content-Disposition"] == f'attachment; filename="scan.{ending}"'
    assert answer.content == picture


@pytest.mark.parametrize(
    "wrong", [{"about": "insurance"}, {"answer": ""}, {"answer": "maybe"}, {"how": "paper witness"}, {"how": "mail"}]
)
def test_an_answer_of_no_list_is_refused(cast: Cast, nurse: Account, enter: Enter, wrong: dict[str, str]) -> None:
    """And so is one in the name of the dead."""
    assert write(enter(nurse), cast, PDF, **wrong) == 400
    assert agreements_of(cast.alice) == []
    record_death(cast.alice, at_ms=NOW - 1, recorded_by=nurse, now_ms=NOW)
    assert write(enter(nurse), cast) == 400
    assert agreements_of(cast.alice) == []


@pytest.mark.parametrize(("how", "words"), [("oral", "Agreement given aloud"), ("paper", "Agreement given on paper")])
def test_the_ground_says_how_it_was_agreed_to(cast: Cast, enter: Enter, how: str, words: str) -> None:
    """Among who may see: a follow-up that stands on a paper, or on a word, says so beside the name."""
    begin_follow_up(
        cast.charlie, responsible=cast.bob, prescription="Weight at home", operator="x", recorded_by=cast.bob,
        now_ms=NOW - 900, informed_ms=NOW - 950, agreed=True, how=how,
    )  # fmt: skip
    assert words in enter(cast.charlie).get("/me/sharing").content.decode()
    assert "Agreement given" not in enter(cast.alice).get("/me/sharing").content.decode()
