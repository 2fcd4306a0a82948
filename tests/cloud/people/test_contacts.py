"""How a person is reached, when two say it at the same instant."""

from __future__ import annotations

import pytest

from egide.cloud.keys.columns import seal_text
from egide.cloud.people.contacts import add_contact, contacts_of
from egide.cloud.people.service import create_account
from egide.cloud.register.models import Statement
from tests.cloud.conftest import NOW
from tests.support.ward import Ward

pytestmark = pytest.mark.django_db
SEAL = "egide.cloud.people.contacts.seal_text"


@pytest.mark.parametrize("role", ["patient", "relative"])
def test_one_contact_added_twice_at_the_same_instant_is_kept_once(
    ward: Ward, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    """A press that was sent twice: both get the one that is kept, and one statement says so."""
    paul = ward.patient("Paul Moreau") if role == "patient" else create_account("relative", "Paul Moreau", NOW)
    between = []

    def other_one_first(text: str, context: bytes) -> bytes:
        """Between the look and the insertion, the other press comes first."""
        monkeypatch.setattr(SEAL, seal_text)
        between.append(add_contact(paul, "email", "paul@exemple.fr", by=paul, now_ms=NOW))
        return seal_text(text, context)

    monkeypatch.setattr(SEAL, other_one_first)
    mine = add_contact(paul, "email", "Paul@exemple.fr", by=paul, now_ms=NOW)
    assert [row.pk for row in between] == [mine.pk]
    assert [one.value for one in contacts_of(paul)] == ["paul@exemple.fr"]
    assert Statement.objects.filter(kind="contact", subject=paul.pk).count() == 1
