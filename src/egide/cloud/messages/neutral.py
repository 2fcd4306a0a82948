"""The address that a message names, and the one that it comes from, betray nothing either. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from egide.errors import ConfigError

__all__ = ["NotNeutralError", "require_address", "require_neutral"]

#: Parts of words that tell of health, of a place of care or of a speciality.
_TELLING: Final = (
    "hopital", "hospital", "clini", "medic", "medec", "sante", "health", "patient", "pharma", "infirm", "nurse",
    "cardio", "coeur", "heart", "diabet", "gluc", "insulin", "onco", "cancer", "tumor", "tumeur", "psych", "mental",
    "neuro", "nephro", "dialys", "pneumo", "apnee", "apnea", "gyneco", "matern", "obstet", "fertil", "pediat", "geriat",
    "derma", "hemato", "endocrin", "obes", "hepat", "addict", "alcool", "alcohol", "greffe", "transplant",
    "palliat", "telesurveill", "monitor",
)  # fmt: skip
_TELLING_WORDS: Final = frozenset(
    {"chu", "chr", "ch", "ght", "hcl", "aphp", "aphm", "ehpad", "ssr", "had", "vih", "hiv"}
)
_ENDINGS: Final = frozenset({"fr", "com", "org", "net", "eu", "www", "localhost"})
_LEAST: Final = 4


class NotNeutralError(ConfigError):
    """The address of the portal, or of the sender, would tell what no message may tell."""

    code = "message-not-neutral"
    hint = "give messages_address and messages_from a name that tells of no care, no speciality and no establishment"


def require_address(address: str) -> str:
    """The address as messages name it: https, a host, nothing behind it.

    Raises:
        ConfigError: another scheme (but on this machine alone), a user, a path, a query or a fragment.
    """
    parts = urlsplit(address)
    local = parts.hostname in {"localhost", "127.0.0.1"}
    if parts.scheme != "https" and not (local and parts.scheme == "http"):
        raise ConfigError("messages_address begins with https://")
    if not parts.hostname or "@" in parts.netloc or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise ConfigError("messages_address is the portal's address alone, with nothing behind it")
    return f"{parts.scheme}://{parts.netloc}"


def require_neutral(hosts: Iterable[str], names: Iterable[str]) -> None:
    """Raises NotNeutralError: a host tells of care, or holds a word of an establishment's name."""
    words = {word for name in names for word in _words(name) if len(word) >= _LEAST}
    for host in hosts:
        parts = [part for part in _words(host) if part not in _ENDINGS]
        whole = "".join(parts)
        if any(root in part for root in _TELLING for part in parts) or _TELLING_WORDS & set(parts):
            raise NotNeutralError("an address of messages tells of care")
        if any(word in whole for word in words):
            raise NotNeutralError("an address of messages holds a word of an establishment's name")


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text.casefold())
    return re.findall(r"[a-z0-9]+", "".join(c for c in plain if not unicodedata.combining(c)))
