"""The national number: form, key, authority; and the traits it goes with."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.people.ins import DEMO, NIA, NIR, TEST, Ins, doubts
from egide.cloud.people.traits import HIGH_TRUST, Traits, status_of
from egide.errors import MalformedError, RefusedError

MAINLAND = "255081416802538"
TRAITS = Traits(birth_name="Martin", given_names="Alice Jeanne", birth_date="1955-08-03", sex="F", birth_place="14168")


def with_key(number: str) -> str:
    """The key by the other rule of the book: Corsica's letter is a 0, less 1,000,000 for A and 2,000,000 for B."""
    value = int(number.replace("A", "0").replace("B", "0"))
    value -= 1_000_000 * number.count("A") + 2_000_000 * number.count("B")
    return f"{number}{97 - value % 97:02d}"


@pytest.mark.parametrize(
    "number", ["2550814168025", "269052A588157", "269052B588157", "1700597411001", "1700599352001"]
)
def test_a_good_number_is_read(number: str) -> None:
    """As typed: with spaces and small letters. The key is the one of the other rule too."""
    whole = with_key(number)
    spaced = " ".join(whole[i : i + 2] for i in range(0, 15, 2)).lower()
    assert Ins.read(spaced).number == whole
    assert Ins.read(whole) == Ins(whole, NIR)


def test_a_published_example_is_read() -> None:
    """A number that explanations of the key are written with: not worked out by us."""
    assert Ins.read("2 55 08 14 168 025 38").is_real


NUMBERS = r"\A[12][0-9]{2}(0[1-9]|1[0-2])(0[1-9]|2A|2B|[1-8][0-9])(?!000)[0-9]{3}(?!000)[0-9]{3}\Z"


@given(st.from_regex(NUMBERS), st.data())
def test_one_wrong_digit_is_seen(number: str, data: st.DataObject) -> None:
    """The key sees any one digit that changed."""
    whole = with_key(number)
    at = data.draw(st.integers(7, 14))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != whole[at]]))
    assert Ins.read(whole).number == whole
    with pytest.raises(MalformedError):
        Ins.read(whole[:at] + other + whole[at + 1 :])


@pytest.mark.parametrize(
    "number",
    [
        "", "1", "25508141680253", "2550814168025380", "55508141680253 8", "255131416802538", "255081400002538",
        "2550814168000" + "97", "２55081416802538", "255082C16802538", "2550814168025-38", "255081416802539",
    ],
)  # fmt: skip
def test_another_form_is_refused(number: str) -> None:
    """Too short, too long, a month or commune that is not, digits of other scripts, another key."""
    with pytest.raises(MalformedError):
        Ins.read(number)


def test_the_authority_goes_with_the_number() -> None:
    """A waiting number is not a NIR; numbers of tests and demonstrations are refused where people are real."""
    waiting = with_key("8550814168025")
    assert Ins.read(waiting, NIA).oid == NIA
    for number, oid in ((waiting, NIR), (MAINLAND, NIA), (MAINLAND, "1.2.3")):
        with pytest.raises(MalformedError):
            Ins.read(number, oid)
    for oid in (TEST, DEMO):
        with pytest.raises(MalformedError):
            Ins.read(MAINLAND, oid)
        assert not Ins.read(MAINLAND, oid, real=False).is_real


def test_a_number_that_does_not_go_with_the_traits_is_a_doubt() -> None:
    """Sex and date; an unknown month is not held against anybody."""
    ins = Ins.read(MAINLAND)
    assert doubts(ins, TRAITS) == frozenset()
    assert doubts(ins, replace(TRAITS, sex="M")) == {"sex"}
    assert doubts(ins, replace(TRAITS, sex="I")) == frozenset()
    assert doubts(ins, replace(TRAITS, birth_date="1955-09-03")) == {"birth-date"}
    assert doubts(Ins.read(with_key("2552014168025")), TRAITS) == frozenset()


@pytest.mark.parametrize(
    "change",
    [
        {"birth_date": "1955-13-03"}, {"birth_date": "03/08/1955"}, {"birth_date": "19550803"}, {"sex": "X"},
        {"birth_place": "1416"}, {"birth_place": "2C168"}, {"birth_name": ""}, {"birth_name": " - "},
        {"given_names": "Alice  Jeanne"}, {"used_name": "a\x00b"},
    ],
)  # fmt: skip
def test_traits_that_cannot_be_are_refused(change: dict[str, str]) -> None:
    """Each by itself."""
    with pytest.raises(RefusedError):
        replace(TRAITS, **change)


def test_same_person_is_told_from_homonym() -> None:
    """Accents and hyphens aside; another date, sex or place is another person; an unknown place is not."""
    assert TRAITS.same_person(replace(TRAITS, birth_name="MARTIN", given_names="Alice-Jeanne", birth_place=""))
    for change in ({"birth_date": "1955-08-04"}, {"sex": "M"}, {"birth_place": "14169"}, {"given_names": "Alice"}):
        assert not TRAITS.same_person(replace(TRAITS, **change))


def test_status_follows_from_two_facts() -> None:
    """INSi and a document of high trust; a doubtful or fictive identity is provisional whatever else holds."""
    for retrieved in (False, True):
        for document in ("", "health-card", "birth-certificate", *HIGH_TRUST):
            for assisted in (False, True):
                seen = document in HIGH_TRUST or (document == "birth-certificate" and assisted)
                expected = [["provisoire", "validée"], ["récupérée", "qualifiée"]][retrieved][seen]
                for fictive, doubtful in ((False, False), (True, False), (False, True)):
                    said = status_of(
                        retrieved=retrieved, document=document, assisted=assisted, fictive=fictive, doubtful=doubtful
                    )
                    assert said == ("provisoire" if fictive or doubtful else expected)
