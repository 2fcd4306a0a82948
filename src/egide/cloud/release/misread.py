"""Who read what was not this patient's: from the journal of answers, for those who are to be told."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from egide.cloud.keys.records import care_key
from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.cloud.release.journal import KIND, JournalLine, line_of
from egide.cloud.release.resealing import Moved

__all__ = ["Misread"]

_BATCH: Final = 1_000


class Misread:
    """The answers that a record gave; read before the lock, and once more under it for those in between."""

    def __init__(self, patient: Account) -> None:
        self._patient, self._upto = patient, -1
        self._lines: list[JournalLine] = []

    def look(self) -> None:
        """Read what was journaled since the last look."""
        key = care_key(self._patient.pk)
        rows = Statement.objects.filter(subject=self._patient.pk, kind=KIND).order_by("entry")
        while batch := list(rows.filter(entry__gt=self._upto)[:_BATCH]):
            self._upto = batch[-1].entry
            lines = [line_of(open_statement(row, key)) for row in batch]
            self._lines += [line for line in lines if line.decision == "yes" and line.reader]

    def of(self, moved: Sequence[Moved]) -> set[str]:
        """The accounts that got some of these, or may have: an answer of a metric and a period that holds one."""
        self.look()
        ordered = sorted(moved, key=lambda m: m.first_ms)
        first = [m.first_ms for m in ordered]
        last = list(accumulate((m.last_ms for m in ordered), max))
        codes = {code for m in ordered for code in m.codes}
        came = min((m.received_ms for m in ordered), default=0)
        found = set()
        for line in self._lines:
            before = bisect_left(first, line.until_ms)
            if not before or last[before - 1] < line.since_ms or line.at_ms < came:
                continue
            if not line.codes or codes & set(line.codes):
                found.add(line.reader)
        return found
