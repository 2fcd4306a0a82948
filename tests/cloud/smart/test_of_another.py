"""An app that was let in for a child's record reads of the child; what a person read on the page is what they gave."""

from __future__ import annotations

from egide.cloud.consent.representation import represent
from egide.cloud.consent.service import start_follow_up
from egide.cloud.fhir.registry import RESOURCES
from egide.cloud.people.models import Registration
from egide.cloud.smart.consenting import lines_of
from egide.cloud.smart.words import TYPES
from tests.cloud.conftest import NOW
from tests.cloud.smart.conftest import Flow, Registry, read, signed_in
from tests.support.cast import Cast
from tests.support.ward import DAY_MS

WIDE = "launch/patient patient/*.rs"


def found(path: str, token: str) -> set[str]:
    status, bundle = read(path, token)
    assert status == 200, bundle
    return {entry["resource"]["id"] for entry in bundle.get("entry", ())}


def test_a_parent_s_app_for_a_child_tells_nothing_of_the_parent_s_own_care(cast: Cast, registry: Registry) -> None:
    """Charlie acts for Alice, whom Bob follows here; Diane follows Charlie, who is known elsewhere."""
    here, elsewhere = registry.offices.here, registry.offices.elsewhere
    represent(
        cast.alice, cast.charlie, nature="parent", deed="Livret", recorded_by=cast.bob, now_ms=NOW - DAY_MS,
        adult_ms=NOW + 900 * DAY_MS,
    )  # fmt: skip
    start_follow_up(cast.diane, cast.charlie, now_ms=NOW)
    for patient, place in ((cast.alice, here), (cast.charlie, elsewhere)):
        Registration.objects.get_or_create(patient=patient, establishment=place, defaults={"since_ms": NOW - 1})
    flow = Flow(app=registry.let_in(scopes=WIDE), reader=cast.charlie, client=signed_in(cast.charlie))
    token = flow.tokens(flow.form(patient=str(cast.alice.pk)))["access_token"]
    assert found("Practitioner", token) == {str(cast.bob.pk)}
    assert found("Organization", token) == {str(here.pk)}
    assert found(f"PractitionerRole?practitioner={cast.bob.pk}", token)
    assert not found(f"PractitionerRole?practitioner={cast.diane.pk}", token)
    for path in (f"Practitioner/{cast.diane.pk}", f"Organization/{elsewhere.pk}"):
        assert read(path, token)[0] in (403, 404)


def test_their_own_app_still_tells_them_of_their_own_team(cast: Cast, registry: Registry) -> None:
    """Alice, by an app of hers."""
    flow = Flow(app=registry.let_in(scopes=WIDE), reader=cast.alice, client=signed_in(cast.alice))
    assert found("Practitioner", flow.tokens()["access_token"]) == {str(cast.bob.pk)}


def test_everything_is_what_the_page_named_and_no_more(cast: Cast, registry: Registry) -> None:
    """With each line left in, the token holds the types of the lines, and no star."""
    flow = Flow(app=registry.let_in(scopes=WIDE), reader=cast.alice, client=signed_in(cast.alice))
    given = flow.tokens()["scope"].split()
    named = {str(line.scope) for line in lines_of(WIDE.split())}
    assert set(given) == named | {"launch/patient"}
    assert named == {f"patient/{kind}.rs" for kind in RESOURCES}


def test_each_type_that_is_served_has_words() -> None:
    """Nobody is asked for a thing by its English name in FHIR."""
    assert set(RESOURCES) <= set(TYPES)
