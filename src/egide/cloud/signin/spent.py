"""Codes, recovery codes and challenges are good once, in every process: the row that can be inserted decides."""

from __future__ import annotations

import hashlib
from typing import Final

from django.db import IntegrityError, transaction

from egide.cloud.signin.errors import FactorError
from egide.cloud.signin.models import Spent

__all__ = ["FOREVER_MS", "spend"]

FOREVER_MS: Final = 4_102_444_800_000  # the year 2100: longer than any account's code


def spend(kind: str, value: str, *, until_ms: int, now_ms: int) -> None:
    """Use `value` now. Raises FactorError when it was used before. After `until_ms` it could not be used anyway."""
    Spent.objects.filter(lapses_ms__lte=now_ms).delete()
    digest = hashlib.sha256(f"{kind}\0{value}".encode()).digest()
    try:
        with transaction.atomic():
            Spent.objects.create(digest=digest, lapses_ms=until_ms)
    except IntegrityError as err:
        raise FactorError("this was used already") from err
