"""Who a session belongs to. There is nothing to authenticate with: only a one-time link opens a session."""

from __future__ import annotations

import uuid

from django.contrib.auth.backends import BaseBackend

from egide.cloud.people.models import Account

__all__ = ["LinkBackend"]


class LinkBackend(BaseBackend):
    """Reads back the account of an open session; a closed account's session is worth nothing."""

    def get_user(self, user_id: uuid.UUID) -> Account | None:
        return Account.objects.filter(pk=user_id, is_active=True).first()
