"""Two files of one person: their readings become one record's by two people's word, and come back when it was wrong."""

from __future__ import annotations

import pytest

from egide.cloud.people.merging import merge, unmerge
from egide.cloud.people.models import Account
from egide.cloud.release.attribution import confirm, confirm_undo
from egide.cloud.release.merged import propose_after_merge, propose_after_unmerge
from egide.errors import RefusedError
from tests.support.attributing import Sent, damage, in_error, values
from tests.support.attributing import doctor as doctor
from tests.support.attributing import engineer as engineer
from tests.support.attributing import sent as sent
from tests.support.thing import NOW


def test_a_merge_moves_nothing_until_two_people_say_so_and_an_unmerge_brings_it_back(
    sent: Sent, alice: Account, bob: Account, engineer: Account, doctor: Account
) -> None:
    """Alice's file leads to Bob's; what was measured under it follows, one pairing at a time, and returns."""
    before = values(alice)
    row = merge(bob, alice, by=doctor, now_ms=NOW)
    (proposed,) = propose_after_merge(row, reason="Un seul patient.", by=engineer, now_ms=NOW + 1)
    assert values(bob) == []
    assert propose_after_merge(row, reason="Encore.", by=engineer, now_ms=NOW + 2) == []
    confirm(proposed, by=doctor, now_ms=NOW + 3)
    assert values(bob) == before
    with pytest.raises(RefusedError):
        propose_after_unmerge(row, by=engineer, now_ms=NOW + 4)
    unmerge(row, by=doctor, now_ms=NOW + 5)
    row.refresh_from_db()
    with pytest.raises(RefusedError):
        propose_after_merge(row, reason="r", by=engineer, now_ms=NOW + 6)
    (back,) = propose_after_unmerge(row, by=doctor, now_ms=NOW + 6)
    confirm_undo(back, by=engineer, now_ms=NOW + 7)
    alice.refresh_from_db()
    assert values(alice) == before
    assert (values(bob), len(in_error(bob))) == ([], 8)
    assert damage() == set()
