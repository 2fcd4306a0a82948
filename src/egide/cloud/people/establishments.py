"""Establishments and their groups. In a group the steering is shared and the patients are not."""

from __future__ import annotations

import uuid

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people import names
from egide.cloud.people.attested import ESTABLISHMENT as DECLARED
from egide.cloud.people.attested import GROUP, GROUP_MEMBER, attested_references
from egide.cloud.people.authority import Place
from egide.cloud.people.models import Establishment, Group
from egide.cloud.register.journal import append_statement
from egide.errors import RefusedError

__all__ = ["create_establishment", "create_group", "home", "join_group", "place_of", "rename"]


def home(now_ms: int) -> Establishment:
    """The establishment that runs the platform; made, without a name yet, when it is first asked for."""
    return Establishment.objects.get_or_create(id=ESTABLISHMENT, defaults={"created_ms": now_ms})[0]


def create_establishment(kind: str, name: str, *, now_ms: int, group: Group | None = None) -> Establishment:
    """Declare an establishment; written into the register by its id.

    Raises:
        RefusedError: no such kind, or a name that is empty, too long or holds control characters.
    """
    if kind not in Establishment.Kind.values:
        raise RefusedError("there is no such kind of establishment")
    made = Establishment(id=uuid.uuid4(), kind=kind, group=group, created_ms=now_ms)
    made.name = names.clean(name)
    facts = {"establishment": str(made.pk), "kind": kind, "group": str(group.pk) if group else None}
    append_statement(DECLARED, None, facts, now_ms=now_ms, also=lambda: made.save(force_insert=True))
    return made


def create_group(name: str, reference: Establishment, *, now_ms: int) -> Group:
    """Open a group around a reference establishment, whose officers steer every member.

    Raises RefusedError: it belongs to a group already, or the name cannot be.
    """
    if reference.group_id is not None:
        raise RefusedError("this establishment belongs to a group already")
    group = Group(id=uuid.uuid4(), reference=reference.pk, created_ms=now_ms)
    group.name = names.clean(name)
    facts = {"group": str(group.pk), "reference": str(reference.pk)}

    def keep() -> None:
        group.save(force_insert=True)
        reference.group = group
        reference.save(update_fields=["group"])

    append_statement(GROUP, None, facts, now_ms=now_ms, also=keep)
    return group


def join_group(establishment: Establishment, group: Group | None, *, now_ms: int) -> None:
    """Enter a group, or leave it with None. Raises RefusedError for the reference of a group, which cannot leave."""
    if establishment.group is not None and establishment.group.reference == establishment.pk:
        raise RefusedError("the reference establishment cannot leave its group")
    facts = {"establishment": str(establishment.pk), "group": str(group.pk) if group else None}

    def keep() -> None:
        establishment.group = group
        establishment.save(update_fields=["group"])

    append_statement(GROUP_MEMBER, None, facts, now_ms=now_ms, also=keep)


def rename(establishment: Establishment, name: str) -> None:
    """Give an establishment its name. Raises RefusedError as `create_establishment` does."""
    establishment.name = names.clean(name)
    establishment.save(update_fields=["sealed_name"])


def place_of(establishment: Establishment) -> Place:
    """How steering sees it, as signed statements say: a group written into the table steers nobody."""
    reference = attested_references().get(establishment.pk)
    return Place(establishment=establishment.pk, reference=reference, home=ESTABLISHMENT)
