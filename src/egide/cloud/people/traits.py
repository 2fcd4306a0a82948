"""The traits by which a person's identity is known, and the status that they and the number deserve. Pure.

Words and rules are those of the French identity reference (RNIV). The status follows from two facts alone: whether the
national service gave the traits (INSi), and whether somebody saw a document of high trust.

    provisoire: neither    récupérée: INSi only    validée: document only    qualifiée: both

A fictive or doubtful identity is provisoire, whatever else is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from egide.cloud.people import names
from egide.errors import MalformedError, decoding

__all__ = ["DOCUMENTS", "HIGH_TRUST", "Traits", "status_of", "worth"]

#: Documents that may be shown at a desk.
HIGH_TRUST: Final = frozenset({"passport", "identity-card", "residence-permit"})
#: With a parent's or guardian's own document, for somebody who has none (RNIV, special cases).
_ASSISTED: Final = frozenset({"birth-certificate", "family-record-book"})
DOCUMENTS: Final = HIGH_TRUST | _ASSISTED | {"health-card", "driving-licence", "other-document"}
_PLACE: Final = re.compile(r"\d{5}|2[AB]\d{3}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """As the civil register has them. `birth_place` is the code of INSEE (a commune, or 99 and a country)."""

    birth_name: str
    given_names: str  # all, in the order of the register, separated by spaces
    birth_date: str  # YYYY-MM-DD
    sex: str  # M, F, or I where it is not determined
    birth_place: str = ""
    used_name: str = ""
    used_given_name: str = ""

    def __post_init__(self) -> None:
        """Raises MalformedError."""
        with decoding("an identity's traits"):
            if date.fromisoformat(self.birth_date).isoformat() != self.birth_date:
                raise ValueError("a date is YYYY-MM-DD")
        if self.sex not in {"M", "F", "I"}:
            raise MalformedError("sex is M, F or I")
        if self.birth_place and not _PLACE.fullmatch(self.birth_place):
            raise MalformedError("a birth place is a code of five characters")
        for name in (self.birth_name, self.given_names, *filter(None, (self.used_name, self.used_given_name))):
            if names.clean(name) != name or not names.folded(name):
                raise MalformedError("a name has letters, and single spaces")

    def as_facts(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_facts(cls, facts: Mapping[str, Any]) -> Traits:
        """Raises MalformedError."""
        with decoding("an identity's traits"):
            return cls(**facts)

    def same_person(self, other: Traits) -> bool:
        """Whether the strict traits are equal, as names are compared: what tells a homonym from a double."""
        return (
            names.folded(self.birth_name) == names.folded(other.birth_name)
            and names.folded(self.given_names) == names.folded(other.given_names)
            and (self.birth_date, self.sex) == (other.birth_date, other.sex)
            and (self.birth_place == other.birth_place or not (self.birth_place and other.birth_place))
        )


def worth(document: str, *, assisted: bool) -> int:
    """How much a document that was seen proves: 2 an identity, 1 nothing by itself, 0 where none was seen."""
    if document in HIGH_TRUST or (assisted and document in _ASSISTED):
        return 2
    return 1 if document else 0


def status_of(*, retrieved: bool, document: str, assisted: bool, fictive: bool, doubtful: bool) -> str:
    """`document` is what was seen, "" for none; `assisted`: with a parent's or guardian's own document."""
    if fictive or doubtful:
        return "provisoire"
    seen = worth(document, assisted=assisted) > 1
    if retrieved:
        return "qualifiée" if seen else "récupérée"
    return "validée" if seen else "provisoire"
