"""If-None-Exist (R4, conditional create): what the same system wrote, under the identifier of the resource itself."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from egide.cloud.fhir.writing.attesting import Kept, kept_before
from egide.cloud.fhir.writing.observing import Measured
from egide.cloud.fhir.writing.problems import ElementError, UnsupportedError
from egide.cloud.fhir.writing.writers import Writer
from egide.cloud.people.models import Account

__all__ = ["found_before"]

_WHERE: Final = "If-None-Exist"
_LONGEST: Final = 1_024


def found_before(writer: Writer, patient: Account, measured: Measured, condition: str) -> Kept | None:
    """What was written under that identifier; None when nothing was, and the create goes on.

    Raises:
        ElementError, UnsupportedError: another condition than the identifier that the resource carries.
    """
    pairs = parse_qsl(condition, keep_blank_values=True) if len(condition) <= _LONGEST else []
    if len(pairs) != 1 or pairs[0][0] != "identifier":
        raise UnsupportedError("what is asked is one identifier", _WHERE)
    system, bar, value = pairs[0][1].rpartition("|")
    if not bar or (system, value) != measured.identifier:
        raise ElementError("the condition is the identifier of the Observation itself", _WHERE)
    return kept_before(writer, patient, (system, value), measured)
