"""Where statements about one thing lie: an index, so that they are found without reading all the others.

It is never a ground: what a row points at is read and verified as ever, and a row that somebody took away hides nothing
from whoever reads the statements themselves.
"""

from __future__ import annotations

import uuid

from egide.cloud.register.models import Statement, Topic

__all__ = ["begin_topic", "end_topic", "note_topic"]


def begin_topic(kind: str, name: str, subject: uuid.UUID) -> None:
    """The statement just written, in this transaction, begins something that waits for an answer."""
    Topic.objects.create(kind=kind, name=name, subject=subject, entry=_latest(kind, subject))


def end_topic(kind: str, name: str, subject: uuid.UUID, *, by: str) -> None:
    """The statement of kind `by` just written, in this transaction, settles it."""
    rows = Topic.objects.filter(kind=kind, name=name, subject=subject, settled=None)
    rows.update(settled=_latest(by, subject))


def note_topic(kind: str, name: str) -> None:
    """The statement just written, in this transaction, says something of `name`; nothing waits."""
    entry = _latest(kind, None)
    Topic.objects.create(kind=kind, name=name, entry=entry, settled=entry)


def _latest(kind: str, subject: uuid.UUID | None) -> int:
    return Statement.objects.filter(kind=kind, subject=subject).order_by("-entry").values_list("entry", flat=True)[0]
