"""The bearer of a token, as FHIR's reader."""

from __future__ import annotations

from typing import Final

from django.http import HttpRequest

from egide.cloud.fhir.reader import Reader
from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.smart.addresses import base_at
from egide.cloud.smart.attested import barred_sector
from egide.cloud.smart.scoping import data_scopes
from egide.cloud.smart.tokens import live_token
from egide.errors import SignInError

__all__ = ["token_reader"]

_LONGEST: Final = 4_096


def token_reader(request: HttpRequest) -> Reader | None:
    """Who a token lets read, within its scopes. None: the request carries no bearer token.

    Raises:
        SignInError: a token in an address (RFC 9700, 4.3.2), or one that does not count here and now.
    """
    if "access_token" in request.GET:
        raise SignInError("a token in an address is refused")
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return None
    row = live_token(text, audience=base_at(request), now_ms=clock.now_ms()) if len(text) <= _LONGEST else None
    if row is None or row.application is None:
        raise SignInError("this token is not one that counts here")
    app = row.application
    return Reader(
        account=row.user,
        app=app.client_id,
        scopes=data_scopes(row.scope.split()),
        purpose=app.purpose or _purpose(row.user, row.patient),
        establishment=app.establishment_id if row.user is None else None,
        responsible=app.responsible if row.user is None else None,
        patient=row.patient_id,
        sector=barred_sector(app.establishment),
    )


def _purpose(account: Account | None, patient: Account | None) -> str:
    """A relative reads for the family; for others, what is usual."""
    other = account is not None and (patient is None or patient.pk != account.pk)
    if account is not None and other and account.role in (Account.Role.RELATIVE, Account.Role.PATIENT) and patient:
        return "FAMRQT"
    return ""
