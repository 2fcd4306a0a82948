"""What "leave safely" tells before it acts, and remembers so that it can be undone.

What each person will notice is quoted from the very pages that they would open: the words are looked up, not retold.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.utils import formats
from django.utils.translation import gettext as _

from egide.cloud.consent import leaving
from egide.cloud.consent.facts import ACCOUNT, Holder
from egide.cloud.consent.leaving import HIDDEN, LATER, Act, Reader
from egide.cloud.consent.rules import GRANT, REPRESENTATIVE, RESEARCH
from egide.cloud.keys.records import care_key
from egide.cloud.messages.ways import reached
from egide.cloud.people.models import Account
from egide.cloud.portal import sharing, words
from egide.cloud.portal.errors import words_of
from egide.cloud.register.journal import append_statement, open_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.errors import EgideError, NotFoundError, RefusedError
from egide.trust.cose import Sign1
from egide.trust.limits import LIMITS

__all__ = ["Parted", "consequences", "noticed", "outside", "parted", "remember", "take_back"]

#: A name that tells nothing to whoever looks over the shoulder, or into the table.
KIND: Final = "setting"
UNDO_MS: Final = 30 * 86_400_000
_LOOK_BACK: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Parted:
    """Somebody to whom the record was closed, and what was done for it."""

    id: str
    name: str
    how: str
    at_ms: int
    done_ms: int
    acts: tuple[Act, ...]

    @property
    def can_undo(self) -> bool:
        """A mandate or a project begins again at the desk only."""
        return all(act.how == HIDDEN or act.ground not in (REPRESENTATIVE, RESEARCH) for act in self.acts)


def consequences(reader: Reader, how: str) -> list[str]:
    """What this one loses, and what the patient may miss, in sentences."""
    name = sharing.holder_name(reader.holder)
    told = []
    if how == HIDDEN:
        told.append(_("%(who)s keeps what could be seen until now, and gets nothing of what comes.") % {"who": name})
    else:
        told.append(_("%(who)s sees nothing any more, not even what was measured before.") % {"who": name})
    if reader.team:
        told.append(_("%(who)s is of your care team: nobody may be watching your measurements.") % {"who": name})
    for line in reader.lines:
        if line.ground == REPRESENTATIVE:
            told.append(_("The paper by which %(who)s acts for you is not ended by this.") % {"who": name})
        elif line.ground == GRANT and how != HIDDEN:
            told.append(_("The help that this was for ends: %(what)s.") % {"what": _purposes(line.purposes)})
        elif line.ground == RESEARCH and how != HIDDEN:
            told.append(_("What was handed over to the project is not called back."))
    return list(dict.fromkeys(told))


def noticed(reader: Reader, how: str, at_ms: int) -> list[str]:
    """Word for word what this one will read, and when. Nothing is sent to anybody."""
    if reader.holder.kind != ACCOUNT:
        return [_("Its next request is refused, like any request without a right. It is not told why.")]
    if how == HIDDEN:
        empty = _("No measurement over this period")
        hint = _("Nothing was received over this period. Try a longer one above.")
        return [
            _("Your name stays in their list, and your record still opens."),
            _("Nothing new appears. Once the period they look at is over, the page says:"),
            _quoted(f"{empty}. {hint}"),
            _("It looks as if your objects no longer measured. They may ask you about it."),
        ]
    refused = words_of(403)
    told = []
    if how == LATER:
        told.append(_("Until %(day)s, nothing.") % {"day": formats.date_format(words.local(at_ms), "j F Y")})
    return [
        *told,
        _("Your name is no longer in their list. If they open the address of your record, the page says:"),
        _quoted(f"{refused.title}. {refused.happened} {refused.safe}"),
        _("No message is sent to them, by any means."),
    ]


def outside(patient: Account) -> list[str]:
    """Where messages to the patient leave today, as they read it: each may be read by somebody of the house."""
    return [
        _("the service’s app") if each.kind == "push" else each.value for each in reached(patient) if each.way
    ]


def remember(patient: Account, done: Mapping[str, Sequence[Act]], how: str, *, now_ms: int) -> None:
    """Write down what was done, sealed, so that it can be taken back."""
    for key, acts in done.items():
        _say(patient, {"id": str(uuid.uuid4()), "reader": key, "how": how, "acts": [a.said() for a in acts]}, now_ms)


def parted(patient: Account, *, now_ms: int) -> list[Parted]:
    """Those to whom the record was closed in the last thirty days, the latest first; without those taken back."""
    found: dict[str, Parted] = {}
    gone = set()
    for at_ms, said in _said(patient):
        if "undone" in said:
            gone.add(said["undone"])
        elif now_ms - at_ms < UNDO_MS and said["id"] not in gone:
            kind, _colon, name = said["reader"].partition(":")
            acts = tuple(Act.read(each) for each in said["acts"])
            holder = Holder(kind=kind, id=name)
            found[said["id"]] = Parted(
                id=said["id"], name=sharing.holder_name(holder), how=said["how"],
                at_ms=max((a.at_ms for a in acts), default=at_ms), done_ms=at_ms, acts=acts,
            )  # fmt: skip
    return list(found.values())


def take_back(patient: Account, key: str, *, now_ms: int) -> None:
    """Undo what was done about one reader. It widens: ask for a factor first. Raises NotFoundError, RefusedError."""
    one = next((p for p in parted(patient, now_ms=now_ms) if p.id == key), None)
    if one is None:
        raise NotFoundError("there is nothing to take back")
    if not one.can_undo:
        raise RefusedError("only the desk can begin this again")
    for act in one.acts:
        leaving.undo(patient, act, now_ms=now_ms)
    _say(patient, {"undone": one.id}, now_ms)


def _quoted(words: str) -> str:
    return _("“%(words)s”") % {"words": words}


def _purposes(codes: Sequence[str]) -> str:
    return sharing.list_words([words.purpose_words(code) for code in codes])


def _say(patient: Account, personal: dict[str, Any], now_ms: int) -> None:
    append_statement(KIND, patient.pk, {}, now_ms=now_ms, personal=personal, sealed_for=care_key(patient.pk))


def _said(patient: Account) -> list[tuple[int, Mapping[str, Any]]]:
    """The latest first. One whose signature or seal does not hold says nothing."""
    found: list[tuple[int, Mapping[str, Any]]] = []
    rows = list(Statement.objects.filter(subject=patient.pk, kind=KIND).order_by("-entry")[:_LOOK_BACK])
    if not rows:
        return found
    record, key = care_key(patient.pk), platform().signer.public_key
    for row in rows:
        try:
            Sign1.parse(bytes(row.body), limit=LIMITS.journal, what="statement").verify(key)
            opened = open_statement(row, record)
        except (EgideError, TypeError):
            continue
        found.append((opened.at_ms, opened.personal or {}))
    return found
