"""A name replaced in the journal: by a second person, who is not the first one under another account."""

from __future__ import annotations

import pytest

from egide.cloud.people.models import Account
from egide.cloud.release.withheld import ask_to_withhold, decide, in_force, one_wish
from egide.errors import RefusedError
from tests.support.attributing import professional
from tests.support.thing import NOW


def test_two_accounts_of_one_name_are_one_person(alice: Account) -> None:
    """Who asked decides nothing, under any of their accounts; somebody else does."""
    doctor, twin = (professional("Dr Émile Faure", office) for office in ("doctor", "dpo"))
    wish = one_wish(alice.pk, ask_to_withhold(doctor, alice, reason="Menaces", now_ms=NOW))
    for who in (doctor, twin):
        with pytest.raises(RefusedError):
            decide(wish, by=who, verdict="accepted", note="oui", now_ms=NOW)
    assert in_force(alice.pk, now_ms=NOW) == {}
    decide(wish, by=professional("Diane Roux", "dpo"), verdict="accepted", note="oui", now_ms=NOW)
    assert set(in_force(alice.pk, now_ms=NOW)) == {str(doctor.pk)}
