"""Who may give an office: the rules, against a second and naive telling of them, on random people and places."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.people.authority import Holder, Place, require_two_people
from egide.errors import RefusedError

PLACES = [uuid.UUID(int=n) for n in range(4)]
HOME = PLACES[0]
OFFICES = ["nurse", "doctor", "engineer", "auditor", "administrator", "security-officer", "dpo"]
holders = st.builds(
    Holder,
    account=st.sampled_from([uuid.UUID(int=100 + n) for n in range(4)]),
    name_index=st.sampled_from([b"a", b"b", b"c"]),
    offices=st.frozensets(st.tuples(st.sampled_from(PLACES), st.sampled_from(OFFICES)), max_size=3),
)
places = st.builds(
    Place,
    establishment=st.sampled_from(PLACES),
    reference=st.none() | st.sampled_from(PLACES),
    home=st.just(HOME),
)


def naive(proposer: Holder, approver: Holder, candidate: Holder, place: Place) -> bool:
    """The same, as one would tell it: every reason to say no, one after the other."""
    if proposer.account == approver.account:
        return False
    if candidate.account == proposer.account or candidate.account == approver.account:
        return False
    if len({proposer.name_index, approver.name_index, candidate.name_index}) != 3:
        return False
    seats = [HOME, place.establishment]
    if place.reference:
        seats.append(place.reference)
    proposes = [o for e, o in proposer.offices if e in seats and o in ("administrator", "security-officer")]
    approves = [o for e, o in approver.offices if e in seats and o in ("administrator", "security-officer", "dpo")]
    return len(proposes) > 0 and len(approves) > 0


@given(holders, holders, holders, places)
def test_two_tellings_of_the_rule_agree(proposer: Holder, approver: Holder, candidate: Holder, place: Place) -> None:
    """On every draw; the default is no."""
    try:
        require_two_people(proposer, approver, candidate, place)
    except RefusedError:
        allowed = False
    else:
        allowed = True
    assert allowed == naive(proposer, approver, candidate, place)


def test_the_rule_says_yes_to_somebody() -> None:
    """So that agreeing on no is not all there is."""
    proposer = Holder(account=uuid.UUID(int=1), name_index=b"a", offices=frozenset({(HOME, "administrator")}))
    approver = Holder(account=uuid.UUID(int=2), name_index=b"b", offices=frozenset({(PLACES[1], "dpo")}))
    candidate = Holder(account=uuid.UUID(int=3), name_index=b"c", offices=frozenset())
    require_two_people(proposer, approver, candidate, Place(establishment=PLACES[2], reference=PLACES[1], home=HOME))
