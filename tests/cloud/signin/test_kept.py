"""What was left on a shared workstation: given back to its owner, and to nobody else."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable

import pytest
from django.test import Client

from egide.cloud.config.worker import sweep_once
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.kept import KEPT_MS, draft_of, keep_draft, last_page
from egide.cloud.signin.models import Kept
from tests.cloud.conftest import NOW
from tests.cloud.signin.authenticator import Passkey
from tests.cloud.signin.conftest import browser
from tests.cloud.signin.stations import PAGE, seated

pytestmark = pytest.mark.django_db


REASON = [("reason", "Trouvée inconsciente chez elle"), ("every", "yes")]


def test_a_form_that_was_not_sent_comes_back_to_its_owner_alone(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Sealed in the table; given to nobody else, on the same page of the same computer."""
    address = f"/patients/{uuid.uuid4()}/emergency"
    client = seated(marked(), nurse)
    assert client.post("/workstation/form", {"form": address, "fields": json.dumps(REASON)}).status_code == 204
    kept = b"".join(bytes(row.sealed) + bytes(row.mark) for row in Kept.objects.all())
    assert "Trouvée".encode() not in kept
    assert address.encode() not in kept
    client.post("/workstation/lock", {"then": "change"})
    seated(client, doctor)
    assert client.post("/workstation/form/taken", {"form": address}).status_code == 204
    client.post("/workstation/lock", {"then": "change"})
    seated(client, nurse)
    given = client.post("/workstation/form/taken", {"form": address}).json()
    assert [tuple(pair) for pair in given["fields"]] == REASON
    client.post("/workstation/form/taken", {"form": address, "forget": "1"})
    assert client.post("/workstation/form/taken", {"form": address}).status_code == 204


def test_a_row_copied_to_another_account_does_not_open(
    nurse: tuple[Account, Passkey], doctor: tuple[Account, Passkey]
) -> None:
    """Whoever can write in the table gives nobody what another typed."""
    keep_draft(nurse[0], "/x", REASON, now_ms=NOW)
    keep_draft(doctor[0], "/x", [("reason", "autre")], now_ms=NOW)
    hers = Kept.objects.get(account=nurse[0])
    Kept.objects.filter(account=doctor[0]).update(sealed=hers.sealed)
    assert draft_of(doctor[0], "/x", now_ms=NOW) is None


def test_a_form_that_was_sent_is_kept_no_longer(marked: Callable[[], Client], nurse: tuple[Account, Passkey]) -> None:
    """But one that led to "show your passkey first" is: it was not sent yet."""
    client = seated(marked(), nurse)
    keep_draft(nurse[0], "/security/notices/read", REASON, now_ms=NOW)
    client.post("/security/notices/read", headers=PAGE)
    assert draft_of(nurse[0], "/security/notices/read", now_ms=NOW) is None
    address = f"/patients/{uuid.uuid4()}/emergency"
    keep_draft(nurse[0], address, REASON, now_ms=NOW)
    session = client.session
    session["signin.confirmed"] = 0
    session.save()
    assert client.post(address, headers=PAGE).headers["Location"].startswith("/security/confirm")
    assert draft_of(nurse[0], address, now_ms=NOW) is not None


def test_what_was_kept_is_forgotten_after_twelve_hours(nurse: tuple[Account, Passkey]) -> None:
    """And rows of before are deleted with the next one."""
    keep_draft(nurse[0], "/x", REASON, now_ms=NOW)
    assert draft_of(nurse[0], "/x", now_ms=NOW + KEPT_MS - 1) is not None
    assert draft_of(nurse[0], "/x", now_ms=NOW + KEPT_MS) is None
    keep_draft(nurse[0], "/y", REASON, now_ms=NOW + KEPT_MS)
    assert Kept.objects.count() == 1


def test_what_was_kept_goes_though_nobody_keeps_anything_more(
    nurse: tuple[Account, Passkey], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker sweeps: a platform that nobody uses does not hold on to what was typed there."""
    keep_draft(nurse[0], "/x", REASON, now_ms=NOW)
    for ms, left in ((KEPT_MS - 1, 1), (KEPT_MS, 0)):
        monkeypatch.setattr(time, "time_ns", lambda ms=ms: (NOW + ms) * 1_000_000)
        sweep_once()
        assert Kept.objects.count() == left


@pytest.mark.parametrize(
    ("form", "fields"),
    [("https://evil.example/", "[]"), ("//evil.example", "[]"), ("", "[]"), ("/x?p=1", "[]"), ("/x", "nonsense"),
     ("/x", "[1]"), ("/x", '[["a", 1]]'), ("/x", json.dumps([["a", "b" * 20_000]]))],
)  # fmt: skip
def test_only_fields_of_a_form_of_ours_are_kept(
    marked: Callable[[], Client], nurse: tuple[Account, Passkey], form: str, fields: str
) -> None:
    """Of a size that a person types."""
    client = seated(marked(), nurse)
    assert client.post("/workstation/form", {"form": form, "fields": fields}).status_code == 400
    assert last_page(nurse[0], now_ms=clock.now_ms()) == ""
    assert not Kept.objects.exists()


@pytest.mark.parametrize(
    "address",
    ["/workstation/lock", "/workstation/touch", "/workstation/form", "/workstation/form/taken", "/desk/workstations"],
)
def test_a_form_of_another_site_does_nothing_here(nurse: tuple[Account, Passkey], address: str) -> None:
    """CSRF, here too."""
    client = browser(enforce_csrf_checks=True)
    client.force_login(nurse[0])
    assert client.post(address, {"form": "/x"}).status_code == 400
