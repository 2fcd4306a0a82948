"""Make a platform with a ward: patients who have a day behind them, clinicians who follow them and are signed in."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.presign import SPAN_MS, Signing, read_corpus, write_corpus
from bench.ward import make_ward, open_platform

HOURS = 24
DAYS = 30  # of the one whose chart is drawn


def main(*, clinicians: int, patients: int, each: int, objects: int, folder: str, live: int) -> None:
    """`each` clinician follows so many of the `patients`; `objects` in all will send `live` envelopes each.

    One more patient, whom the first clinician follows too, has thirty days behind them.
    """
    now_ms = time.time_ns() // 1_000_000
    open_platform(now_ms=now_ms)
    place = Path(folder)
    ward = make_ward(objects, now_ms=now_ms, pem_folder=place / "pki")
    people = _people(ward.patients[: patients + 1], clinicians, each, now_ms)
    (place / "clinicians.json").write_text(json.dumps(people))
    last_ms = now_ms - live * SPAN_MS
    _take_in(place / "day", ward.signings[:patients], HOURS, last_ms, now_ms)
    _take_in(place / "month", ward.signings[patients : patients + 1], DAYS * HOURS, now_ms, now_ms)
    write_corpus(
        place / "live", ward.signings, each=live, iat=now_ms // 1000, first_seq=DAYS * HOURS + 1, first_ms=last_ms
    )
    print(json.dumps({"chart": str(ward.patients[patients])}))


def _people(patients: Sequence[Any], clinicians: int, each: int, now_ms: int) -> list[dict[str, Any]]:
    """Each clinician's session, and whom they follow."""
    from egide.cloud.consent.service import start_follow_up
    from egide.cloud.people.establishments import home
    from egide.cloud.people.models import Account
    from egide.cloud.people.offices import seat
    from egide.cloud.people.service import create_account

    *followed, long = [Account.objects.get(pk=key) for key in patients]
    here, people = home(now_ms), []
    for n in range(clinicians):
        doctor = create_account("professional", f"Bench Clinician {n}", now_ms)
        seat(doctor, here, "doctor", by=(doctor, doctor), now_ms=now_ms, how="ceremony")
        mine = [followed[(n + k) % len(followed)] for k in range(each)]
        for patient in [*mine, *([] if n else [long])]:
            start_follow_up(doctor, patient, now_ms=now_ms)
        people.append({"session": session_of(doctor, now_ms), "patients": [str(p.pk) for p in mine]})
    return people


def session_of(account: Any, now_ms: int) -> str:
    """The cookie of somebody who is signed in: the passkey is not what is measured."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY

    from egide.cloud.people.sessions import SessionStore, kept
    from egide.cloud.signin.models import OpenSession
    from egide.cloud.signin.sessions import LIFE_MS, OPENED, UNTIL

    store = SessionStore()
    store.create()
    store[SESSION_KEY] = str(account.pk)
    store[BACKEND_SESSION_KEY] = "egide.cloud.people.backend.LinkBackend"
    store[HASH_SESSION_KEY] = account.get_session_auth_hash()
    store[OPENED], store[UNTIL] = now_ms, now_ms + LIFE_MS
    store.save()
    key = str(store.session_key)
    OpenSession.objects.create(
        session_key=kept(key), account=account, method="bench", device="computer|Linux|Chrome", opened_ms=now_ms,
        seen_ms=now_ms,
    )  # fmt: skip
    return key


def _take_in(place: Path, signings: Sequence[Signing], each: int, until_ms: int, now_ms: int) -> None:
    """What lies behind them: an hour in each envelope, until `until_ms`."""
    from bench.egide_adapter import Intake

    _, corpus = write_corpus(
        place, signings, each=each, iat=now_ms // 1000, first_seq=1, first_ms=until_ms - each * SPAN_MS
    )
    signed = read_corpus(corpus)
    Intake().feed([(s.object_id, signed[i][k]) for k in range(each) for i, s in enumerate(signings)])


if __name__ == "__main__":
    main(**json.loads(sys.argv[1]))
