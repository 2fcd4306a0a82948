"""Restrictions (EHDS art. 8): data that somebody must not see. To them they were never measured."""

from __future__ import annotations

from collections.abc import Iterable

from egide.cloud.consent.acts import new_id, require_patient, require_period, say, window_said, written_by
from egide.cloud.consent.attested import facts_of
from egide.cloud.consent.facts import EVERYONE, Holder, Restriction, Window
from egide.cloud.consent.families import require_families
from egide.cloud.consent.grants import Reader, holder_of
from egide.cloud.consent.models import Ground
from egide.cloud.people.models import Account
from egide.errors import NotFoundError, RefusedError

__all__ = ["lift_restriction", "restrict", "restrictions_of"]


def restrict(
    patient: Account, *, families: Iterable[str] | None, now_ms: int, who: Reader | None = None,
    data_since_ms: int | None = None, data_until_ms: int | None = None, until_ms: int | None = None,
    given_by: Account | None = None, way: str = "",
) -> str:  # fmt: skip
    """Hide some data from somebody (None: from everybody but the patient), from now on; return the restriction's id.

    `families` None: all. The period is of the data: [data_since_ms, data_until_ms). Emergencies open it, unless the
    patient refused that (emergency.refuse_opening). `given_by`: who wrote it down at the desk, on what word (`way`).

    Raises:
        RefusedError: a family or a period that cannot be, or oneself.
    """
    require_patient(patient)
    holder = Holder(kind=EVERYONE) if who is None else holder_of(who)
    if holder.id == str(patient.pk):
        raise RefusedError("nobody hides data from themselves")
    require_period(now_ms, until_ms)
    require_period(data_since_ms, data_until_ms)
    data = Window(families=require_families(families), since_ms=data_since_ms, until_ms=data_until_ms)
    key = new_id()
    named = {"id": key, "holder_kind": holder.kind, "holder": holder.id, "since": now_ms, "until": until_ms}
    said = window_said(data) | named | written_by(patient, given_by, way)

    def keep() -> None:  # the row does not say from whom: only the patient may know
        Ground.objects.create(
            id=key, kind=Ground.Kind.RESTRICTION, patient=patient, holder_kind="", since_ms=now_ms, until_ms=until_ms
        )

    say("restriction", patient, said, now_ms=now_ms, also=keep)
    return key


def lift_restriction(patient: Account, restriction: str, *, now_ms: int) -> None:
    """Show again what was hidden. It widens: ask for a factor first. Raises NotFoundError, RefusedError."""
    held = next((r for r in restrictions_of(patient) if r.id == restriction), None)
    if held is None:
        raise NotFoundError("there is no such restriction")
    if held.until_ms is not None and held.until_ms <= now_ms:
        raise RefusedError("this is over already")

    def end() -> None:
        Ground.objects.filter(pk=restriction).update(until_ms=now_ms)

    say("restriction-end", patient, {"id": restriction, "until": now_ms}, now_ms=now_ms, also=end)


def restrictions_of(patient: Account) -> tuple[Restriction, ...]:
    """Every restriction of a patient, as signed, lifted ones included. For the patient's own eyes, and the DPO's."""
    return facts_of(patient.pk).restrictions
