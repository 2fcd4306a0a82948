"""What a person wishes of the pages is theirs alone, sealed, and holds on every page."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client

from egide.cloud.comfort import wishes
from egide.cloud.comfort.models import Wish
from egide.cloud.comfort.units import CHOICES, GLUCOSE, told_in, unit_for
from egide.cloud.comfort.wishes import NONE, Wishes
from egide.cloud.people.models import Account
from egide.cloud.portal import words
from egide.measure.catalogue import CATALOGUE
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db
FAR = Wishes(easy=True, zone="Pacific/Noumea", glucose="mmol/L", weight="[lb_av]", temperature="[degF]")


def browser(account: Account | None = None) -> Client:
    client = Client(headers={"accept-language": "en"})
    if account is not None:
        client.force_login(account)
    return client


def test_what_was_kept_comes_back_and_is_nobody_else_s(cast: Cast) -> None:
    """One row a person; nothing is kept of somebody who wishes nothing."""
    wishes.keep(cast.alice, FAR)
    assert wishes.wishes_of(cast.alice) == FAR
    assert wishes.wishes_of(cast.charlie) == NONE
    wishes.keep(cast.alice, NONE)
    assert not Wish.objects.exists()


def test_the_table_tells_nothing(cast: Cast) -> None:
    """That somebody needs easy words, or lives in Nouméa, cannot be read in a stolen table, nor a moved row."""
    wishes.keep(cast.alice, FAR)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM comfort_wish")
        row = b"".join(bytes(v) if isinstance(v, bytes | memoryview) else str(v).encode() for v in cursor.fetchone())
    for secret in (b"Noumea", b"easy", b"mmol", b"true"):
        assert secret not in row
    Wish.objects.create(account=cast.charlie, sealed=bytes(Wish.objects.get().sealed))
    assert wishes.wishes_of(cast.charlie) == NONE


@pytest.mark.parametrize(
    "said",
    [
        {"zone": "Mars/Olympus"},
        {"zone": "../etc/passwd"},
        {"zone": "EST5EDT"},
        {"glucose": "kg"},
        {"weight": ["kg"]},
        {"easy": "on"},
        {"zone": None, "other": 1},
    ],
    ids=lambda said: "-".join(said),
)
def test_what_cannot_be_served_is_not_wished(said: dict[str, object]) -> None:
    """Whatever a form says."""
    try:
        assert Wishes.read(said) == NONE
    except TypeError:
        pytest.fail("a form's value is compared, never used")


def test_a_wish_ends_with_its_request(cast: Cast) -> None:
    """The next request answered by the same thread is another person's."""
    wishes.keep(cast.alice, FAR)
    browser(cast.alice).get("/settings/display")
    assert wishes.current() == NONE
    assert str(words.zone()) == "Europe/Paris"


def test_hours_are_those_of_the_reader_s_place(cast: Cast) -> None:
    """The same instant, told in Paris and in Nouméa; the zone is named when it is not the service's."""
    page = browser(cast.alice).get("/me").content.decode()
    wishes.keep(cast.alice, Wishes(zone="Pacific/Noumea"))
    far = browser(cast.alice).get("/me").content.decode()

    def offsets(html: str) -> set[str]:
        return set(re.findall(r'datetime="[^"]*([+-]\d\d:\d\d)"', html))

    assert offsets(page) <= {"+01:00", "+02:00"}
    assert offsets(far) == {"+11:00"}
    assert "(+11)" in far


def test_values_are_told_in_the_reader_s_unit_and_as_signed_one_click_away(cast: Cast) -> None:
    """Lists and charts in mmol/L; the reading's own page quotes what the object signed."""
    client = browser(cast.alice)
    before = client.get("/me?metric=99504-3&period=7d").content.decode()
    assert "mg/dL" in before
    wishes.keep(cast.alice, Wishes(glucose="mmol/L"))
    after = client.get("/me?metric=99504-3&period=7d").content.decode()
    assert "mg/dL" not in after
    assert 'data-unit="mmol/L"' in after
    link = re.findall(r'href="(/me/reading/[^"]+)"', after.partition('id="table-title"')[2])[0]
    one = client.get(link).content.decode()
    signed = re.search(r"The object signed ([\d.]+)\u202fmg/dL", one)
    shown = re.search(r'class="value">([\d.]+)<', one)
    assert signed
    assert shown
    assert told_in("99504-3", Decimal(signed[1]), "mg/dL", "mmol/L") == Decimal(shown[1])


def test_nothing_else_is_converted() -> None:
    """Ketones and cholesterol are in mmol/L too: only glucose follows the choice for glucose."""
    for code, metric in CATALOGUE.items():
        other = unit_for(code, metric.unit, {"glucose": "mmol/L"})
        assert (other == "mmol/L") == (code in GLUCOSE and metric.unit != "mmol/L"), code


@pytest.mark.parametrize(("kind", "code"), [("glucose", "2339-0"), ("weight", "29463-7"), ("temperature", "8310-5")])
def test_every_choice_can_be_served(kind: str, code: str) -> None:
    """Each unit of a kind can be told in each other, and comes back within its last digit."""
    for unit in CHOICES[kind]:
        for other in CHOICES[kind]:
            assert unit_for(code, unit, {kind: other}) == (other if other != unit else None)
            there = told_in(code, Decimal(90), unit, other)
            assert there is not None
            back = told_in(code, there, other, unit)
            assert back is not None
            assert abs(back - 90) <= 1


def test_the_switch_keeps_and_leads_back_to_our_pages_only(cast: Cast) -> None:
    """On, off; an address of another site is not followed."""
    client = browser(cast.alice)
    answer = client.post("/settings/easy", {"easy": "on", "next": "/settings/options"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/settings/options")
    assert wishes.wishes_of(cast.alice).easy
    answer = client.post("/settings/easy", {"easy": "off", "next": "https://evil.example/"})
    assert "evil" not in answer.headers["Location"]
    assert not wishes.wishes_of(cast.alice).easy
    assert Client().post("/settings/easy", {"easy": "on"}).headers["Location"].startswith("/sign-in")


def test_the_form_keeps_what_it_shows(cast: Cast) -> None:
    """Every choice, and the page says so afterwards."""
    client = browser(cast.bob)
    said = {"easy": "on", "zone": "America/Cayenne", "glucose": "mmol/L", "weight": "", "temperature": "Cel"}
    answer = client.post("/settings/display", said, follow=True).content.decode()
    assert "Done. It holds from now on." in answer
    assert re.findall(r'value="([^"]+)" (?:checked|selected)', answer) == ["mmol/L", "Cel", "America/Cayenne"]
    assert wishes.wishes_of(cast.bob) == Wishes(easy=True, zone="America/Cayenne", glucose="mmol/L", temperature="Cel")
