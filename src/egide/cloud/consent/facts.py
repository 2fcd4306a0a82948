"""What signed statements say about who may see a patient's record. Pure data: frozen, times in ms, ids not names.

Every span is from `since_ms` until just before `until_ms`; None: still open.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

__all__ = [
    "ACCOUNT", "APP", "ESTABLISHMENT", "EVERYONE", "TEAM", "Care", "Emergency", "Facts", "Follow", "Grant", "Holder",
    "Hours", "Opposition", "Participation", "Representation", "Restriction", "Secret", "Shift", "Span", "Window",
    "runs",
]  # fmt: skip

ACCOUNT: Final = "account"
ESTABLISHMENT: Final = "establishment"
TEAM: Final = "team"  # those of one follow-up of the patient, when they look
APP: Final = "app"
EVERYONE: Final = "everyone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A time; `until_ms` None: still running."""

    since_ms: int
    until_ms: int | None = None


class _Lasting(Protocol):
    @property
    def since_ms(self) -> int: ...

    @property
    def until_ms(self) -> int | None: ...


def runs(span: _Lasting, at_ms: int) -> bool:
    """Whether something that has a beginning and perhaps an end is in force."""
    return span.since_ms <= at_ms and (span.until_ms is None or at_ms < span.until_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Some of a record: metric families (None: all) measured in [since_ms, until_ms) (None: no bound)."""

    families: frozenset[str] | None = None
    since_ms: int | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """To whom something is given: `kind` is account, establishment, team, app or everyone (then `id` is empty)."""

    kind: str
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Follow:
    """A professional belongs to a patient's follow-up, from `since_ms` until just before `until_ms`."""

    patient: str
    professional: str
    since_ms: int
    until_ms: int | None
    follow_up: str = ""  # which care relation; empty for one that was begun without papers
    part: str = ""  # what they do in the team: doctor, nurse, replacement...
    replaces: str = ""  # the account they stand in for


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Some days of the week (1 is Monday) and minutes of the day, from `since` until just before `until`."""

    days: tuple[int, ...]
    since: int
    until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """When a team watches the measurements, as who answers for the follow-up said it. No shift: at no set hour."""

    shifts: tuple[Shift, ...]
    zone: str  # whose wall clock the minutes are of
    note: str
    by: str
    since_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Care:
    """A care relation: what was prescribed, who answers for it, what the patient was told and said."""

    id: str
    patient: str
    responsible: str
    operator: str
    prescription: str
    informed_ms: int | None
    agreed: bool | None  # None: not asked yet
    how: str  # oral | paper | signed
    recorded_by: str
    since_ms: int
    until_ms: int | None = None
    pauses: tuple[Span, ...] = ()
    reason: str = ""  # why it ended
    hours: Hours | None = None  # None: nobody said when the measurements are watched


@dataclass(frozen=True, slots=True, kw_only=True)
class Opposition:
    """The patient's no to the care team: to one follow-up, one professional, or (both empty) the whole of it."""

    since_ms: int
    until_ms: int | None = None
    follow_up: str = ""
    professional: str = ""
    by: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A patient's yes to somebody outside the team."""

    id: str
    patient: str
    holder: Holder
    purpose: str
    data: Window
    since_ms: int
    until_ms: int | None
    term_ms: int | None = None  # its end as it was given; `until_ms` is earlier when it was taken back
    by: str = ""  # who gave it: the patient, or who wrote it down for them
    way: str = ""  # on what word, where somebody wrote it down: oral | paper


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """Somebody acts for the patient. `adult_ms`: the patient's 18th birthday, where that ends it."""

    id: str
    patient: str
    representative: str
    nature: str  # mandate | parent | guardian | other
    deed: str
    since_ms: int
    until_ms: int | None
    adult_ms: int | None = None
    suspended: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """Families that an adolescent keeps from every representative."""

    families: frozenset[str]
    since_ms: int
    until_ms: int | None = None
    by: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Participation:
    """The patient takes part in a named research project."""

    id: str
    patient: str
    project: str
    holder: Holder
    data: Window
    since_ms: int
    until_ms: int | None
    term_ms: int | None = None  # its end as it was given; `until_ms` is earlier when they left
    declared: str = ""  # the id of the project, where it was declared
    by: str = ""  # who wrote it down; the patient's own id: they did
    way: str = ""  # on what word, when it was somebody else

@dataclass(frozen=True, slots=True, kw_only=True)
class Emergency:
    """A professional broke the glass for one patient."""

    id: str
    patient: str
    reader: str
    reason: str
    data: Window
    since_ms: int
    until_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """Data that `who` must not see; to them it was never measured."""

    id: str
    patient: str
    who: Holder
    data: Window
    since_ms: int
    until_ms: int | None
    by: str = ""
    way: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything that signed statements say of one patient's record."""

    patient: str
    care: tuple[Care, ...] = ()
    follows: tuple[Follow, ...] = ()
    oppositions: tuple[Opposition, ...] = ()
    grants: tuple[Grant, ...] = ()
    representations: tuple[Representation, ...] = ()
    secrets: tuple[Secret, ...] = ()
    participations: tuple[Participation, ...] = ()
    emergencies: tuple[Emergency, ...] = ()
    refusals: tuple[Span, ...] = ()  # of the emergency opening of what is restricted
    restrictions: tuple[Restriction, ...] = ()
    died_ms: int | None = None
    damaged: bool = False  # a statement that may narrow could not be read: nobody but the patient
