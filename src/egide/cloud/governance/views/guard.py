"""Who a page of the rights desk is for."""

from __future__ import annotations

from django.http import HttpRequest

from egide.cloud.people.models import Account
from egide.cloud.signin import clock
from egide.cloud.signin.guard import reader_of, signed_in
from egide.errors import AccessDeniedError

__all__ = ["now_ms", "patient_of", "reader_of", "signed_in"]


def now_ms() -> int:
    return clock.now_ms()  # one clock with the factors, which tests can move


def patient_of(request: HttpRequest) -> Account:
    """The patient who is signed in. Raises AccessDeniedError: somebody else."""
    reader = reader_of(request)
    if reader.role != Account.Role.PATIENT:
        raise AccessDeniedError("this account has no record of its own")
    return reader
