"""The national health identifier of France (matricule INS): its form, its key, its authority. Pure.

A number is the 13 characters of a NIR, or of a NIA (waiting number), and a key of two digits: 97 minus the number
modulo 97, where Corsica's 2A counts as 19 and 2B as 18. Who gave it is said by an OID. A good key proves a typing, no
identity: only the national service (insi.py) says whose number it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from egide.errors import MalformedError

if TYPE_CHECKING:
    from egide.cloud.people.traits import Traits

__all__ = ["DEMO", "NIA", "NIR", "TEST", "Ins", "InsAuthorityError", "InsFormError", "InsKeyError", "doubts"]

NIR: Final = "1.2.250.1.213.1.4.8"
NIA: Final = "1.2.250.1.213.1.4.9"
TEST: Final = "1.2.250.1.213.1.4.10"
DEMO: Final = "1.2.250.1.213.1.4.11"
_REAL: Final = frozenset({NIR, NIA})
_OIDS: Final = _REAL | {TEST, DEMO}
#: sex, year, month (20, 30-42 and 50-99 where it is unknown or was), department, commune, order, key
_FORM: Final = re.compile(
    r"([123478])(\d\d)(0[1-9]|1[0-2]|20|3\d|4[0-2]|[5-9]\d)(\d\d|2[AB])(\d{3})(\d{3})(\d\d)", re.ASCII
)
_CORSICA: Final = {"2A": "19", "2B": "18"}
_MEN, _WOMEN, _WAITING = "137", "248", "78"


class InsFormError(MalformedError):
    """Not 15 characters in the order of a number."""

    code = "ins-form"
    hint = "copy the 13 characters and the two digits of the key, from a document"


class InsKeyError(MalformedError):
    """The last two digits are not the key of the 13 others."""

    code = "ins-key"
    hint = "one character is wrong or two are swapped: read the number again"


class InsAuthorityError(MalformedError):
    """The OID is unknown, one of tests, or of the other kind of number."""

    code = "ins-authority"
    hint = "a number that begins with 7 or 8 is a waiting number (NIA), any other a NIR"


@dataclass(frozen=True, slots=True)
class Ins:
    """A number of 15 characters that has the form and the key, under the OID of who gave it."""

    number: str
    oid: str

    @classmethod
    def read(cls, number: str, oid: str = NIR, *, real: bool = True) -> Ins:
        """From what was typed or received: spaces and small letters are let through.

        Raises:
            InsFormError: another form. InsKeyError: a wrong key. InsAuthorityError: an OID that is unknown, that does
            not go with the number, or that is one of tests and demonstrations while `real`.
        """
        text = "".join(number.split()).upper()
        parts = _FORM.fullmatch(text)
        if parts is None or "000" in (parts[5], parts[6]) or parts[4] == "00":
            raise InsFormError("this is not the form of an INS number")
        if int(text[13:]) != key_of(text[:13]):
            raise InsKeyError("the key of this INS number is wrong")
        if oid not in (_REAL if real else _OIDS):
            raise InsAuthorityError("this OID gives no INS number here")
        if oid in _REAL and (oid == NIA) != (text[0] in _WAITING):
            raise InsAuthorityError("this OID does not go with this number")
        return cls(text, oid)

    @property
    def is_real(self) -> bool:
        """Whether a person bears it: numbers of tests and demonstrations belong to nobody."""
        return self.oid in _REAL


def key_of(number: str) -> int:
    """The key of 13 characters: 1 to 97."""
    digits = number[:5] + _CORSICA.get(number[5:7], number[5:7]) + number[7:]
    return 97 - int(digits) % 97


def doubts(ins: Ins, traits: Traits) -> frozenset[str]:
    """Which traits the number does not go with: "sex", "birth-date". A reason to look again, never a refusal.

    The place is not compared: departments were renamed, and people born abroad were numbered in several ways.
    """
    found = set()
    if traits.sex in {"M", "F"} and (ins.number[0] in _MEN) != (traits.sex == "M"):
        found.add("sex")
    year, month = ins.number[1:3], ins.number[3:5]
    if traits.birth_date[2:4] != year or (int(month) <= 12 and traits.birth_date[5:7] != month):
        found.add("birth-date")
    return frozenset(found)
