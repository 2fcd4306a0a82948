"""Pro Santé Connect's and FranceConnect's claims: what has their form, and what is kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from egide.cloud.federation.claims import kept_claims, read_pivot, read_professional, require_rpps
from egide.cloud.federation.providers import KINDS
from egide.errors import ProviderError
from tests.cloud.federation.conftest import PIVOT, PROFESSIONAL, RPPS
from tests.cloud.federation.test_tokens import PROVIDER

EXERCISE: dict[str, Any] = PROFESSIONAL["SubjectRefPro"]["exercices"][0]


def test_of_a_professional_the_number_and_codes_are_kept_and_no_name() -> None:
    """RPPS, professions, sectors, each once; names stay where they were."""
    kept = kept_claims(PROVIDER, PROFESSIONAL)
    assert kept == {"rpps": RPPS, "professions": ("10",), "sectors": ("SA01", "SA07")}
    assert "DURAND" not in str(kept)


def test_of_a_citizen_nothing_is_kept() -> None:
    """The pivot identity is looked at and let go; of any other provider too."""
    assert kept_claims(replace(PROVIDER, key="franceconnect", kind=KINDS["franceconnect"]), PIVOT) is None
    assert kept_claims(replace(PROVIDER, key="sso", kind=KINDS["sso"]), {"email": "alice@example"}) is None


@pytest.mark.parametrize("digit", range(10))
def test_an_rpps_number_ends_with_luhn_s_digit(digit: int) -> None:
    """One of ten last digits is right: a digit typed wrong is noticed."""
    number = RPPS[:-1] + str(digit)
    if number == RPPS:
        assert require_rpps(number) == RPPS
    else:
        with pytest.raises(ProviderError):
            require_rpps(number)


@pytest.mark.parametrize(
    ("changed", "step"),
    [
        pytest.param({"SubjectNameID": None}, "rpps", id="no-number"),
        pytest.param({"SubjectNameID": RPPS}, "rpps", id="without-its-type"),
        pytest.param({"SubjectNameID": f"0{RPPS}"}, "rpps", id="another-type-of-number"),
        pytest.param({"SubjectNameID": f"8{RPPS}0"}, "rpps", id="too-long"),
        pytest.param({"SubjectNameID": "8" + "٩" * 11}, "rpps", id="digits-of-another-script"),
        pytest.param({"SubjectNameID": ["8" + RPPS]}, "rpps", id="a-list"),
        pytest.param({"SubjectRefPro": None}, "ref-pro", id="no-reference"),
        pytest.param({"SubjectRefPro": {"exercices": []}}, "ref-pro", id="practises-nothing"),
        pytest.param({"SubjectRefPro": {"exercices": [EXERCISE] * 33}}, "ref-pro", id="practises-everything"),
        pytest.param({"SubjectRefPro": {"exercices": ["10"]}}, "ref-pro", id="texts-instead"),
        pytest.param({"SubjectRefPro": {"exercices": [EXERCISE | {"codeProfession": 10}]}}, "ref-pro", id="a-number"),
        pytest.param({"SubjectRefPro": {"exercices": [EXERCISE | {"activities": {}}]}}, "ref-pro", id="no-list"),
        pytest.param(
            {"SubjectRefPro": {"exercices": [EXERCISE | {"activities": [{"codeSecteurDactivite": "S"}]}]}}, "ref-pro",
            id="another-sector",
        ),
    ],
)  # fmt: skip
def test_a_professional_of_another_form_is_refused(changed: dict[str, Any], step: str) -> None:
    """Nothing is guessed from half of it, and nothing of it is in the message."""
    with pytest.raises(ProviderError) as found:
        read_professional(PROFESSIONAL | changed)
    assert found.value.step == step
    assert RPPS not in str(found.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"given_name": ""}, {"family_name": None}, {"family_name": "a" * 201}, {"given_name": "a\nb"},
        {"gender": "f"}, {"gender": None}, {"birthdate": "1961-13-01"}, {"birthdate": "1961-02-30"},
        {"birthdate": "24/08/1961"}, {"birthdate": None}, {"birthplace": "Paris"}, {"birthcountry": "FR"},
        {"birthplace": 75107}, {"gender": []},
    ],
    ids=lambda changed: str(changed)[:40],
)  # fmt: skip
def test_a_pivot_identity_of_another_form_is_refused(changed: dict[str, Any]) -> None:
    """Names, gender, a date that exists, INSEE's codes; the message names no value."""
    with pytest.raises(ProviderError) as found:
        read_pivot(PIVOT | changed)
    assert found.value.step == "pivot"
    assert "MOREAU" not in str(found.value)


@pytest.mark.parametrize(
    "changed",
    [
        {"birthdate": "1961-00-00"}, {"birthdate": "1961-08-00"}, {"birthplace": ""}, {"birthplace": "2A004"},
        {"birthplace": "", "birthcountry": "99205"},
    ],
    ids=str,
)  # fmt: skip
def test_people_born_abroad_or_on_an_unknown_day_have_a_pivot_identity(changed: dict[str, Any]) -> None:
    """A month or a day that nobody knows is 00; a birth abroad has no place."""
    read_pivot(PIVOT | changed)
