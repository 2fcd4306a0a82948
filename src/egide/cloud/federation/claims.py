"""What Pro Santé Connect and FranceConnect say of a person: checked, then kept sealed or let go. Pure.

Shaped after their public documents; no account of either was available, so neither was ever connected here.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any, Final

from egide.cloud.federation.providers import Provider
from egide.errors import ProviderError

__all__ = ["Professional", "kept_claims", "read_pivot", "read_professional", "require_rpps"]

_RPPS: Final = re.compile(r"[0-9]{11}")
_PROFESSION: Final = re.compile(r"[0-9A-Z]{1,4}")
_SECTOR: Final = re.compile(r"SA[0-9]{2}")
_NATIONAL_RPPS: Final = "8"  # the type in front of a national identifier: an RPPS number follows
_MAX_ITEMS: Final = 32
_BIRTHDATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_PLACE: Final = re.compile(r"[0-9][0-9AB][0-9]{3}|")  # INSEE's code of a town; empty when born abroad
_COUNTRY: Final = re.compile(r"[0-9]{5}|")  # INSEE's code of a country


@dataclass(frozen=True, slots=True, kw_only=True)
class Professional:
    """What is kept, sealed, of a professional: RPPS number, codes of professions (TRE_G15) and sectors (TRE_R02)."""

    rpps: str
    professions: tuple[str, ...]
    sectors: tuple[str, ...]


def kept_claims(provider: Provider, claims: dict[str, Any]) -> dict[str, Any] | None:
    """What may be kept of userinfo, to be sealed: an RPPS number and its codes. Of a citizen nothing is kept.

    Raises:
        ProviderError: the claims are not of the form that this kind of provider gives.
    """
    if provider.key == "psc":
        return asdict(read_professional(claims))
    if provider.key == "franceconnect":
        read_pivot(claims)
    return None


def require_rpps(number: str) -> str:
    """An RPPS number: eleven digits, the last one Luhn's. Raises ProviderError."""
    if not _RPPS.fullmatch(number):
        raise ProviderError("this is not an RPPS number", step="rpps")
    digits = [int(c) for c in reversed(number)]
    total = sum(d if i % 2 == 0 else sum(divmod(2 * d, 10)) for i, d in enumerate(digits))
    if total % 10:
        raise ProviderError("this is not an RPPS number", step="rpps")
    return number


def read_professional(claims: dict[str, Any]) -> Professional:
    """SubjectNameID (a national identifier) and SubjectRefPro (exercises, each with its activities).

    Raises:
        ProviderError: step rpps or ref-pro.
    """
    national = claims.get("SubjectNameID")
    if not isinstance(national, str) or not national.startswith(_NATIONAL_RPPS):
        raise ProviderError("the professional has no RPPS number", step="rpps")
    rpps = require_rpps(national[1:])
    professions: list[str] = []
    sectors: list[str] = []
    reference = claims.get("SubjectRefPro")
    for exercise in _objects(reference.get("exercices") if isinstance(reference, dict) else None):
        professions.append(_code(exercise, "codeProfession", _PROFESSION))
        for activity in _objects(exercise.get("activities", [])):
            sectors.append(_code(activity, "codeSecteurDactivite", _SECTOR))
    if not professions:
        raise ProviderError("the professional practises nothing", step="ref-pro")
    return Professional(rpps=rpps, professions=_each_once(professions), sectors=_each_once(sectors))


def read_pivot(claims: dict[str, Any]) -> None:
    """The pivot identity has the form of one; it is looked at and let go. Raises ProviderError, step pivot."""
    for name in ("given_name", "family_name"):
        text = claims.get(name)
        if not isinstance(text, str) or not 0 < len(text.strip()) <= 200 or not text.isprintable():
            raise ProviderError("the pivot identity has no such name", step="pivot")
    if claims.get("gender") not in ("male", "female"):
        raise ProviderError("the pivot identity has another gender", step="pivot")
    for name, form in (("birthplace", _PLACE), ("birthcountry", _COUNTRY)):
        text = claims.get(name, "")
        if not isinstance(text, str) or not form.fullmatch(text):
            raise ProviderError("the pivot identity has another place", step="pivot")
    _require_birthdate(claims.get("birthdate"))


def _require_birthdate(text: object) -> None:
    """Year, month and day; a month or a day that nobody knows is 00."""
    found = _BIRTHDATE.fullmatch(text) if isinstance(text, str) else None
    try:
        if found is None:
            raise ValueError("not a date")
        year, month, day = (int(part) for part in found.groups())
        date(year, month or 1, day or 1)
    except ValueError as err:
        raise ProviderError("the pivot identity has another date", step="pivot") from err


def _objects(value: object) -> list[dict[str, Any]]:
    if not isinstance(value, list) or len(value) > _MAX_ITEMS or not all(isinstance(v, dict) for v in value):
        raise ProviderError("the professional's reference has another form", step="ref-pro")
    return value


def _code(found: dict[str, Any], name: str, form: re.Pattern[str]) -> str:
    value = found.get(name)
    if not isinstance(value, str) or not form.fullmatch(value):
        raise ProviderError("the professional's reference has another form", step="ref-pro")
    return value


def _each_once(codes: list[str]) -> tuple[str, ...]:
    return tuple(sorted(set(codes)))
