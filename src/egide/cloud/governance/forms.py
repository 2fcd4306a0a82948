"""Forms that people keep: the agreement to be followed, the mandate. Set as PDF, sealed, and named in the register.

The statement holds the SHA-256 of the sealed file, so the register shows that this very form was made, for whom and by
whom. What the person agreed to is the follow-up's or the mandate's own statement; the form is its readable copy.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _

from egide.cloud.consent.proof import consent_proof, signed_consents
from egide.cloud.governance.sealing import seal_document, the_seal
from egide.cloud.governance.timestamping import Authority, the_authority
from egide.cloud.governance.typesetting import set_document
from egide.cloud.keys.records import ESTABLISHMENT, care_key
from egide.cloud.people.models import Account, Establishment, Registration
from egide.cloud.people.offices import offices_of
from egide.cloud.people.service import name_of
from egide.cloud.register.journal import append_statement
from egide.cloud.register.store import split_entry
from egide.errors import RefusedError
from egide.trust.grant import CONSENT_TYPE

__all__ = ["FORMS", "Form", "care_agreement", "mandate"]

KIND: Final = "form"
FORMS: Final = ("care-agreement", "mandate")
_HOW: Final = ("oral", "paper", "screen")


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A sealed form, and the statement that names it."""

    content: bytes
    entry: int


def care_agreement(
    patient: Account, professional: Account, *, how: str, agreed: bool, lang: str, now_ms: int,
    consent: int | None = None,
) -> Form:  # fmt: skip
    """The agreement (or the refusal) to be followed at a distance, taken by a professional.

    `consent`: the entry of a consent that the patient signed with a passkey, whose proof is attached.

    Raises:
        RefusedError: no such way to agree, no such language, another establishment's relation.
        NotFoundError: no such consent.
        UnavailableError: the consent's checkpoint, or the time-stamp authority, is not there now.
    """
    if how not in _HOW:
        raise RefusedError("an agreement is given orally, on paper or on a screen")
    with translation.override(_language(lang)):
        said = {"oral": _("orally"), "paper": _("on paper"), "screen": _("on a screen")}[how]
        outcome = _("agrees to be followed at a distance") if agreed else _("refuses to be followed at a distance")
        sections = [
            {
                "title": _("What was said"),
                "paragraphs": [
                    _("%(patient)s %(outcome)s.") % {"patient": name_of(patient), "outcome": outcome},
                    _("Taken %(how)s by %(name)s.") % {"how": said, "name": name_of(professional)},
                ],
            },
            {
                "title": _("What it means"),
                "paragraphs": [
                    _("Connected objects send measurements. The care team may read them to care for this person."),
                    _("Nobody watches them day and night. In an emergency: 15, 112, or 114 by text message."),
                    _(
                        "The person may object or withdraw at any time, without giving a reason, and goes on being"
                        " cared for."
                    ),
                ],
            },
        ]
        title = _("Agreement to be followed at a distance") if agreed else _("Refusal to be followed at a distance")
        return _made("care-agreement", title, sections, patient, professional, lang, now_ms, consent)


def mandate(
    patient: Account, representative: str, *, by: Account, since: date, until: date | None, lang: str, now_ms: int,
    consent: int | None = None,
) -> Form:  # fmt: skip
    """A mandate: the patient lets somebody act for them here, for a time.

    Raises:
        RefusedError: it ends before it begins, no name, no such language. Else as above.
    """
    name = " ".join(representative.split())
    if not name or len(name) > 120 or not name.isprintable() or (until is not None and until < since):
        raise RefusedError("a mandate names a person and ends after it begins")
    with translation.override(_language(lang)):
        period = _("From %(first)s, until the person ends it.") % {"first": _day(since)}
        if until is not None:
            period = _("From %(first)s to %(last)s.") % {"first": _day(since), "last": _day(until)}
        sections = [
            {
                "title": _("What was said"),
                "paragraphs": [
                    _("%(patient)s lets %(name)s see their measurements here and ask for their rights in their name.")
                    % {"patient": name_of(patient), "name": name},
                    period,
                ],
            },
            {
                "title": _("What it means"),
                "paragraphs": [
                    _("What the person hides stays hidden. Everything that is done in their name is written for them."),
                    _("The person ends this mandate at any time, alone, and at once."),
                ],
            },
        ]
        return _made("mandate", _("Mandate"), sections, patient, by, lang, now_ms, consent)


def _made(
    kind: str, title: str, sections: list[dict[str, Any]], patient: Account, by: Account, lang: str, now_ms: int,
    consent: int | None,
) -> Form:  # fmt: skip
    _require_ours(patient, by, now_ms)
    place = Establishment.objects.filter(pk=ESTABLISHMENT).first()
    where = place.name if place is not None and place.name else "Egide"
    authority, attached = the_authority(), _attached(patient, consent, now_ms)
    facts = [
        [_("Patient:"), name_of(patient)], [_("Place:"), where], [_("Made on:"), _moment(now_ms)],
    ]  # fmt: skip
    if by.pk != patient.pk:
        facts.insert(1, [_("Professional:"), name_of(by)])
    data = {
        "title": title, "author": where, "description": title, "foot": where, "facts": facts, "sections": sections,
        "signature_title": _("What this document proves"), "signature": _worth(authority), **attached.said,
    }  # fmt: skip
    document = set_document("form", data, lang=lang, now_ms=now_ms, attached=attached.files)
    reason = _("Seal of the establishment (simple electronic signature)")
    sealed = seal_document(document, the_seal(now_ms=now_ms), reason=reason, place=where, timestamper=authority)
    said = {"sha256": hashlib.sha256(sealed).hexdigest(), "by": str(by.pk), "lang": lang}
    if consent is not None:
        said["consent"] = str(consent)
    if authority is not None:
        said["stamped"] = authority.name
    entry = append_statement(
        KIND, patient.pk, {"form": kind}, now_ms=now_ms, personal=said, sealed_for=care_key(patient.pk)
    )
    return Form(content=sealed, entry=entry)


def _require_ours(patient: Account, by: Account, now_ms: int) -> None:
    """The only seal here is the home establishment's: it seals no relation of another one. Raises RefusedError."""
    known = set(Registration.objects.filter(patient=patient, until_ms=None).values_list("establishment", flat=True))
    works = set() if by.pk == patient.pk else {held.establishment_id for held in offices_of(by, now_ms=now_ms)}
    if any(places and ESTABLISHMENT not in places for places in (known, works)):
        raise RefusedError("this establishment has no seal here: have the form signed on paper")


def _worth(authority: Authority | None) -> list[str]:
    """What the seal is worth, and whose the time is."""
    if authority is None:
        time = _("Without a time-stamp authority: the time above is the establishment’s own.")
    else:
        time = _("A time-stamp authority (%(name)s, RFC 3161) attests that it existed at the time of its stamp.") % {
            "name": authority.name
        }
    return [
        _(
            "The establishment sealed this document: whoever opens it sees that it comes from there and that not a"
            " letter has changed since."
        ),
        _(
            "It is a simple electronic signature (eIDAS Regulation, article 3, point 10). It is neither advanced"
            " nor qualified, and it is not the signature of the person."
        ),
        time,
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Attached:
    """A file that goes with a form, and what the form says of it."""

    files: dict[str, bytes]
    said: dict[str, Any]


def _attached(patient: Account, consent: int | None, now_ms: int) -> _Attached:
    """The proof of a consent that the patient signed with a passkey. Raises NotFoundError, UnavailableError."""
    if consent is None:
        return _Attached(files={}, said={})
    proof = consent_proof(patient.pk, consent, now_ms=now_ms)
    shown = next(said.shown.text for entry, said in signed_consents(patient.pk) if entry == consent)
    name = f"egide-consent-{split_entry(consent)[1]}.cbor"
    return _Attached(
        files={name: proof},
        said={
            "attached_title": _("Attached: a signature of the person"),
            "attached_type": CONSENT_TYPE,
            "attached_words": [
                _("The file %(name)s, inside this document, holds what the person signed with their passkey:")
                % {"name": name},
                *shown.split("\n"),
                _(
                    "It too is a simple electronic signature. It shows which passkey signed this text, and when the"
                    " register received it; it does not show what the screen displayed. Anyone checks it without us:"
                    " egide verify."
                ),
            ],
        },
    )


def _language(lang: str) -> str:
    if lang not in ("fr", "en"):
        raise RefusedError("a form is in fr or en")
    return lang


def _day(day: date) -> str:
    return formats.date_format(day, "j F Y")


def _moment(ms: int) -> str:
    here = datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(timezone.get_current_timezone())
    return formats.date_format(here, "j F Y, H:i")
