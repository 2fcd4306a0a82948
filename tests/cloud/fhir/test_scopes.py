"""A scope limits a reader and never opens anything: what it cannot check is a no."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from egide.cloud.fhir.reader import Reader, Scope
from egide.cloud.people.models import Account
from egide.errors import MalformedError

ALICE, CHARLIE = uuid.UUID(int=1), uuid.UUID(int=2)
LAUNCHED = Reader(account=Account(), app="app", patient=ALICE)
VITAL: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "1-0-0",
    "status": "final",
    "category": [{"coding": [{"system": "http://c", "code": "vital-signs"}]}],
    "code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]},
    "subject": {"reference": f"Patient/{ALICE}"},
}


@pytest.mark.parametrize(
    ("scope", "interaction", "allowed"),
    [
        ("patient/Observation.rs", "read", True),
        ("patient/Observation.rs", "search-type", True),
        ("patient/*.r", "read", True),
        ("user/Observation.r", "read", True),
        ("patient/Observation.s", "read", False),
        ("patient/Observation.rs", "create", False),
        ("patient/Device.rs", "read", False),
        ("patient/Observation.rs", "everything", False),
        ("patient/Observation.rs?category=vital-signs", "read", True),
        ("patient/Observation.rs?category=http://c|vital-signs", "read", True),
        ("patient/Observation.rs?category=laboratory,vital-signs", "read", True),
        ("patient/Observation.rs?category=http://d|vital-signs", "read", False),
        ("patient/Observation.rs?code=8867-4&status=final", "read", True),
        ("patient/Observation.rs?code=8867-4&status=amended", "read", False),
        (f"patient/Observation.rs?patient=Patient/{ALICE}", "read", True),
        (f"patient/Observation.rs?patient={CHARLIE}", "read", False),
    ],
)
def test_a_scope_allows_what_it_says(scope: str, interaction: str, allowed: bool) -> None:
    """Its type, its letters, and every one of its parameters."""
    assert Scope.parse(scope).allows(LAUNCHED, "Observation", interaction, VITAL) is allowed


def test_a_patient_s_scope_is_about_the_patient_of_the_launch() -> None:
    """Another patient's resource, or no launch at all, is a no."""
    scope = Scope.parse("patient/Observation.rs")
    other = {**VITAL, "subject": {"reference": f"Patient/{CHARLIE}"}}
    assert not scope.allows(LAUNCHED, "Observation", "read", other)
    assert not scope.allows(Reader(app="app"), "Observation", "read")
    patient = Scope.parse("patient/Patient.r")
    assert patient.allows(LAUNCHED, "Patient", "read", {"resourceType": "Patient", "id": str(ALICE)})
    assert not patient.allows(LAUNCHED, "Patient", "read", {"resourceType": "Patient", "id": str(CHARLIE)})


def test_no_scope_is_nothing_and_no_limit_is_said() -> None:
    """A reader without scopes may nothing; None, of a session, is no limit beside the door's."""
    assert not Reader(app="app").may("Observation", "read")
    assert Reader(account=Account(), scopes=None).may("Observation", "read", VITAL)


@pytest.mark.parametrize(
    "text",
    ["", "patient/Observation", "patient/Observation.", "patient/Observation.read", "patient/Observation.sr",
     "patient/observation.r", "team/Observation.r", "patient/Observation.r?", "patient/Observation.r?x=1",
     "patient/Observation.r?category=", "openid"],
)  # fmt: skip
def test_what_is_no_scope_is_refused(text: str) -> None:
    """Version 1, letters out of order, parameters that nothing checks."""
    with pytest.raises(MalformedError):
        Scope.parse(text)


@given(
    st.sampled_from(["patient", "user", "system"]), st.sampled_from(["*", "Device"]), st.sampled_from(["r", "cruds"])
)
def test_a_scope_is_written_as_it_was_read(level: str, kind: str, letters: str) -> None:
    """Reading what was written gives the same."""
    scope = Scope.parse(f"{level}/{kind}.{letters}")
    assert Scope.parse(str(scope)) == scope
