"""A name of the journal replaced by the name of the service: a reasoned exception, decided by a second person.

EHDS art. 9(3) lets a patient learn who looked; where a name would put somebody in danger, the service stands instead.
The one who looked asks with a reason, an officer decides; both are signed statements, sealed to the patient, who can
read that it was done and why. It lasts a year at most, and hides nothing but the name.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from egide.cloud.consent.acts import new_id, say, text_of
from egide.cloud.consent.attested import read_statement
from egide.cloud.people.models import Account, Establishment
from egide.cloud.people.offices import offices_of
from egide.cloud.people.second import require_second
from egide.cloud.register.models import Statement, Topic
from egide.cloud.register.topics import begin_topic, end_topic
from egide.errors import AccessDeniedError, NotFoundError, RefusedError

__all__ = ["LASTS_MS", "VERDICTS", "Withheld", "ask_to_withhold", "decide", "in_force", "wishes"]

ASKED: Final = "name-withheld"
DECIDED: Final = "name-withheld-review"
VERDICTS: Final = ("accepted", "refused")
LASTS_MS: Final = 365 * 86_400_000
_SHOWN: Final = 100  # on one page


@dataclass(frozen=True, slots=True, kw_only=True)
class Withheld:
    """Somebody asked that their name be replaced, in one patient's journal; `verdict` empty: nobody decided."""

    id: str
    patient: uuid.UUID
    reader: str
    place: str  # the establishment that stands instead
    reason: str
    at_ms: int
    verdict: str = ""
    note: str = ""
    by: str = ""
    decided_ms: int | None = None

    def holds(self, now_ms: int) -> bool:
        return self.verdict == "accepted" and self.decided_ms is not None and now_ms < self.decided_ms + LASTS_MS


def ask_to_withhold(reader: Account, patient: Account, *, reason: str, now_ms: int) -> str:
    """Ask it of an officer; return the ask's id. Nothing changes before they decide.

    Raises:
        AccessDeniedError: who works nowhere. RefusedError: no reason, or it waits or holds already.
    """
    held = offices_of(reader, now_ms=now_ms)
    if reader.role != Account.Role.PROFESSIONAL or not held:
        raise AccessDeniedError("only a professional who works in an establishment asks this")
    mine = [w for w in wishes(patient.pk) if w.reader == str(reader.pk)]
    if any(not w.verdict or w.holds(now_ms) for w in mine):
        raise RefusedError("this was asked already")
    key = new_id()
    said = {
        "id": key, "reader": str(reader.pk), "place": str(held[0].establishment_id), "reason": text_of(reason),
        "by": str(reader.pk),
    }  # fmt: skip
    say(
        ASKED, patient, said, now_ms=now_ms, facts={"id": key},
        also=lambda: begin_topic(ASKED, key, patient.pk),
    )  # fmt: skip
    return key


def decide(wish: Withheld, *, by: Account, verdict: str, note: str, now_ms: int) -> None:
    """Accept or refuse, in words. The caller checks the office.

    Raises:
        RefusedError: the one who asked, under this name or account; another verdict, no words, decided already.
    """
    if verdict not in VERDICTS:
        raise RefusedError("it is accepted or refused")
    for other in Account.objects.filter(pk__in=[uuid.UUID(wish.reader), wish.patient]):
        require_second(other, by)
    if next((w for w in wishes(wish.patient) if w.id == wish.id and w.verdict), None) is not None:
        raise RefusedError("this was decided already")
    said = {"id": wish.id, "by": str(by.pk), "verdict": verdict, "note": text_of(note)}
    say(
        DECIDED, Account.objects.get(pk=wish.patient), said, now_ms=now_ms, facts={"id": wish.id},
        also=lambda: end_topic(ASKED, wish.id, wish.patient, by=DECIDED),
    )  # fmt: skip


def in_force(patient: uuid.UUID, *, now_ms: int) -> dict[str, str]:
    """Account id to what stands for its name in this patient's journal."""
    held = [w for w in wishes(patient) if w.holds(now_ms)]
    if not held:
        return {}
    places = {str(p.pk): p.name for p in Establishment.objects.filter(pk__in=[uuid.UUID(w.place) for w in held])}
    return {w.reader: places.get(w.place, "") for w in held}


def wishes(patient: uuid.UUID) -> list[Withheld]:
    """Every ask about a patient's journal, oldest first, as signed."""
    return _read(Statement.objects.filter(subject=patient, kind__in=(ASKED, DECIDED)).order_by("entry"))


def waiting(patients: Iterable[uuid.UUID] | None) -> list[Withheld]:
    """Asks that nobody decided, of these patients (None: of everybody), the oldest first."""
    topics = Topic.objects.filter(kind=ASKED, settled=None)
    if patients is not None:
        topics = topics.filter(subject__in=list(patients))
    entries = topics.order_by("entry").values_list("entry", flat=True)
    return _read(Statement.objects.filter(entry__in=list(entries[:_SHOWN]), kind=ASKED).order_by("entry"))


def one_wish(patient: uuid.UUID, key: str) -> Withheld:
    """Raises NotFoundError."""
    for wish in wishes(patient):
        if wish.id == key:
            return wish
    raise NotFoundError("there is no such ask")


def _read(rows: Iterable[Statement]) -> list[Withheld]:
    found: dict[str, Withheld] = {}
    for row in rows:
        said = read_statement(row)
        if said is None or row.subject is None:
            continue
        facts = said.personal or {}
        before = found.get(facts.get("id", ""))
        if said.kind == ASKED and before is None:
            found[facts["id"]] = Withheld(
                id=facts["id"], patient=row.subject, reader=facts["reader"], place=facts["place"],
                reason=facts["reason"], at_ms=said.at_ms,
            )  # fmt: skip
        elif said.kind == DECIDED and before is not None and _decides(facts["by"], row, before):
            found[before.id] = replace(
                before, verdict=facts["verdict"], note=facts["note"], by=facts["by"], decided_ms=said.at_ms
            )
    return list(found.values())


def _decides(by: str, row: Statement, wish: Withheld) -> bool:
    """The first decision counts, of a second person, about the same patient."""
    return not wish.verdict and wish.patient == row.subject and by != wish.reader
