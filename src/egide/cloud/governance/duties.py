"""What the law asks of the rights desk, read from duties.toml: versioned data with its sources, never constants."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

from egide.errors import ConfigError

__all__ = ["Cited", "Copies", "Duties", "Erasing", "Retention", "Right", "Rule", "Source", "duties"]

Certainty = Literal["read", "secondary", "memory", "own"]
_CERTAINTIES: Final = ("own", "read", "secondary", "memory")  # the least sure last


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A text, and how surely we know it."""

    title: str
    certainty: Certainty


@dataclass(frozen=True, slots=True, kw_only=True)
class Cited:
    """An entry with the texts that it rests on."""

    sources: tuple[Source, ...]

    @property
    def certainty(self) -> Certainty:
        """That of the least sure of its sources."""
        return max((source.certainty for source in self.sources), key=_CERTAINTIES.index)


@dataclass(frozen=True, slots=True, kw_only=True)
class Right(Cited):
    """How long an answer may take: days, or months."""

    kind: str
    days: int = 0
    months: int = 0
    extra_months: int = 0  # once, with a reason; 0: never
    old_years: int = 0  # something older than this ...
    old_months: int = 0  # ... and so many months instead
    wait_hours: int = 0  # not before


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasing(Cited):
    """What is answered when a class is to be erased."""

    klass: str
    erase: bool
    instead: tuple[str, ...]  # the rights that are offered instead


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention(Cited):
    """How long a care record is kept."""

    years_from_last_contact: int
    birthday: int
    death_within_years: int
    years_after_death: int
    archives: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies(Cited):
    """How long a copy of the keys folder is kept, at most."""

    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Cited):
    """What a page says because a text says it; `years` where it is computed with."""

    name: str
    years: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """One version of all of it."""

    version: str
    rights: Mapping[str, Right]
    erasures: Mapping[str, Erasing]
    care: Retention
    copies: Copies
    rules: Mapping[str, Rule]


@cache
def duties() -> Duties:
    """The version in force. Raises ConfigError when the file has another form."""
    return read_duties(files(__package__).joinpath("duties.toml").read_text("utf-8"))


def read_duties(text: str) -> Duties:
    """Raises ConfigError: a number, a source or a decision is missing, or one too many is there."""
    try:
        data = tomllib.loads(text)
        sources = {key: _source(**entry) for key, entry in data["source"].items()}

        def made(form: type[Any], table: dict[str, Any], **more: Any) -> Any:
            cited = tuple(sources[name] for name in table["sources"])
            return form(**{**table, "sources": cited, **more})

        rights = {kind: made(Right, table, kind=kind) for kind, table in data["right"].items()}
        if any(bool(r.days) == bool(r.months) or not r.sources for r in rights.values()):
            raise ValueError("a right has days or months, and a source")
        rules = {name: made(Rule, table, name=name) for name, table in data["rule"].items()}
        if not all(rule.sources for rule in rules.values()):
            raise ValueError("a rule has a source")
        return Duties(
            version=data["version"],
            rights=rights,
            erasures={klass: _erasing(klass, table, sources) for klass, table in data["erasure"].items()},
            care=made(Retention, data["term"]["care"], archives=sources[data["term"]["care"]["archives"]]),
            copies=made(Copies, data["copies"]),
            rules=rules,
        )
    except (ValueError, KeyError, TypeError, AttributeError) as err:
        raise ConfigError("duties.toml has another form") from err


def _source(title: str, certainty: Certainty) -> Source:
    if certainty not in _CERTAINTIES:
        raise ValueError("no such certainty")
    return Source(title=title, certainty=certainty)


def _erasing(klass: str, table: dict[str, Any], sources: Mapping[str, Source]) -> Erasing:
    if table["decision"] not in ("erase", "keep"):
        raise ValueError("a class is erased or kept")
    return Erasing(
        klass=klass,
        erase=table["decision"] == "erase",
        instead=tuple(table.get("instead", ())),
        sources=tuple(sources[name] for name in table["sources"]),
    )
