"""FHIR's instants as milliseconds since 1970. Pure: a date alone, or a time without a zone, is no instant."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, Final

from egide.cloud.fhir.writing.problems import WhenError

__all__ = ["instant_ms"]

_FORM: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,9})?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)", re.ASCII)
_LATEST_MS: Final = 2**45


def instant_ms(value: Any, where: str) -> int:
    """Raises WhenError: another form, no day of the calendar, before 1970, or finer than a millisecond."""
    match = _FORM.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise WhenError("this is not an instant: date, time to the second, offset from UTC", where)
    digits = (match[2] or ".").removeprefix(".").rstrip("0")
    if len(digits) > 3:
        raise WhenError("an instant is kept to the millisecond", where)
    try:
        seconds = datetime.fromisoformat(match[1] + match[3]).timestamp()
    except (ValueError, OverflowError) as err:
        raise WhenError("there is no such day or hour", where) from err
    found = int(seconds) * 1000 + int(digits.ljust(3, "0"))
    if not 0 <= found < _LATEST_MS:
        raise WhenError("an instant is from 1970 on", where)
    return found
