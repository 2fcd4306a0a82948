"""A stolen database: no name, contact, trait or number of anybody lies in it in clear."""

from __future__ import annotations

import pytest
from django.db import connection

from egide.cloud.people import contacts, desk, identity, invitations, merging, offices
from egide.cloud.people.ins import Ins
from egide.cloud.people.service import create_account
from egide.cloud.people.traits import Traits
from tests.cloud.people.conftest import NOW, House
from tests.support.papers import pdf

pytestmark = pytest.mark.django_db
#: What must be found nowhere, in any of the forms in which a table might hold it.
SECRETS = [
    "Quentin", "Vasseur", "Zélie", "Kerguelen", "Yvonne", "Adèle", "Simon", "Hôpital", "Clinique", "Cabinet",
    "zelie.kerguelen", "example.org", "612345678", "255081416802538", "255081416802", "1955-08-03", "birth_place",
    "Une feuille signée", "passport", "Kergu",
]  # fmt: skip


def rows() -> list[tuple[str, bytes]]:
    """(table, all the bytes of a row), of every table of the database."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')
            found += [(table, b"\x00".join(as_bytes(value) for value in row)) for row in cursor.fetchall()]
    return found


def as_bytes(value: object) -> bytes:
    if isinstance(value, bytes | memoryview):
        return bytes(value)
    return str(value).encode()


def shapes(secret: str) -> set[bytes]:
    texts = {secret, secret.lower(), secret.upper(), secret.casefold()}
    return {text.encode(code) for text in texts for code in ("utf-8", "utf-16-le", "latin-1")}


def test_no_table_holds_a_name_a_contact_or_a_number(house: House) -> None:
    """After everything that people do: every row of every table, in several encodings."""
    nurse = invitations.propose_newcomer(
        "professional", "Quentin Vasseur", house.hospital, "nurse", by=house.admin, now_ms=NOW
    ).account
    offices.approve(nurse.proposals.get(), by=house.security, now_ms=NOW)
    zelie, token = invitations.welcome_patient("Zélie Kerguelen", house.hospital, by=nurse, now_ms=NOW)
    twin = create_account("patient", "Yvonne Kerguelen", NOW, at=house.hospital)
    traits = Traits(
        birth_name="Kerguelen", given_names="Zélie Yvonne", birth_date="1955-08-03", sex="F", birth_place="14168"
    )
    identity.declare_identity(zelie, traits, by=nurse, now_ms=NOW)
    identity.declare_ins(zelie, Ins.read("255081416802538"), by=nurse, now_ms=NOW)
    identity.prove_identity(zelie, "passport", by=nurse, now_ms=NOW)
    contacts.add_contact(zelie, "email", "zelie.kerguelen@example.org", by=nurse, now_ms=NOW)
    contacts.add_contact(zelie, "phone", "06 12 34 56 78", by=nurse, now_ms=NOW)
    desk.record_agreement(
        zelie, "account", agreed=True, way="paper", evidence="signed-form", by=nurse, now_ms=NOW,
        scan=pdf("", "(Une feuille signée)"),
    )  # fmt: skip
    merging.merge(zelie, twin, by=nurse, now_ms=NOW)
    everything = rows()
    filled = {table.removeprefix("people_") for table, _ in everything}
    assert {"identity", "contact", "agreement", "establishment", "merge", "invitation", "register_statement"} <= filled
    for secret in (*SECRETS, token):
        found = {table for table, row in everything for shape in shapes(secret) if shape in row}
        assert not found, f"{secret!r} lies in {found}"


def test_the_test_would_see_a_name(house: House) -> None:
    """Written in clear, the same name is found: the look above is not blind."""
    account = create_account("patient", "Zélie Kerguelen", NOW)
    type(account).objects.filter(pk=account.pk).update(sealed_name="Zélie Kerguelen".encode())
    assert any(shape in row for _, row in rows() for shape in shapes("Kerguelen"))
