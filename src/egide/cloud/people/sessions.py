"""Sessions whose key is kept as its SHA-256: a stolen table opens nobody's session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.utils import timezone

__all__ = ["SessionStore", "end", "forget_expired", "kept", "lasting"]


def kept(session_key: str | None) -> str:
    """What stands in the table for a cookie's value: 40 characters (160 bits) of its SHA-256."""
    return hashlib.sha256((session_key or "").encode()).hexdigest()[:40]


def forget_expired() -> None:
    """Delete the sessions that are over: who was signed in last year is nobody's to read."""
    Session.objects.filter(expire_date__lte=timezone.now()).delete()


def end(keys: Iterable[str]) -> None:
    """End sessions by what stands in the table for them: the next request of theirs is nobody's."""
    Session.objects.filter(session_key__in=list(keys)).delete()


def lasting(keys: Iterable[str]) -> set[str]:
    """Those of `keys` (as they stand in the table) whose session still lasts."""
    fresh = Session.objects.filter(session_key__in=list(keys), expire_date__gt=timezone.now())
    return set(fresh.values_list("session_key", flat=True))


class SessionStore(db.SessionStore):
    """Django's database sessions, with the key hashed before it meets the table."""

    def _get_session_from_db(self) -> Session | None:
        fresh = Session.objects.filter(expire_date__gt=timezone.now())
        session = fresh.filter(session_key=kept(self.session_key)).first()
        if session is None:
            self._session_key = None
        return session

    def exists(self, session_key: str) -> bool:
        return super().exists(kept(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        session = super().create_model_instance(data)
        session.session_key = kept(session.session_key)
        return session

    def delete(self, session_key: str | None = None) -> None:
        super().delete(kept(session_key or self.session_key))

    async def _aget_session_from_db(self) -> Session | None:
        return await sync_to_async(self._get_session_from_db)()

    async def aexists(self, session_key: str) -> bool:
        return await sync_to_async(self.exists)(session_key)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        return await sync_to_async(self.create_model_instance)(data)

    async def adelete(self, session_key: str | None = None) -> None:
        await sync_to_async(self.delete)(session_key)
