"""Sealed envelopes. Rows are written with raw SQL by intake's transaction; nothing here is readable without a key."""

from __future__ import annotations

from typing import Final

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import Exact

from egide.cloud.fleet.models import Certificate, ObjectKey, Pairing
from egide.cloud.keys.models import RecordKey


class Flag(models.IntegerChoices):
    """Bits of `Envelope.flags`. Plausibility flags are sealed with the readings, not here."""

    CONTESTED = 1
    LATE = 2
    CLOCK = 4
    HELD = 8
    ATTRIBUTED = 16  # somebody said whose it is: held no more, or no longer whose its pairing says
    DISMISSED = 32  # somebody said that what is held is to stay so


#: What is said of an envelope after it was sealed, so that only its column can tell.
SAID_LATER: Final = Flag.CONTESTED | Flag.ATTRIBUTED | Flag.DISMISSED


class DataKey(models.Model):
    """The first link of a worker's chain of message keys for one patient, class and day, sealed to the patient."""

    record_key = models.ForeignKey(RecordKey, on_delete=models.PROTECT)
    worker = models.CharField(max_length=36)
    day = models.DateField()
    sealed = models.BinaryField()


class Envelope(models.Model):
    """One envelope, sealed. `entry` is its number in the register; times are corrected, in ms since 1970.

    The database does not check its foreign keys: intake has just read the rows that they name, four look-ups a row are
    a tenth of its time, and `egide fsck` compares each row with what was signed. Columns stand by falling width, so
    that PostgreSQL pads none of them: fifteen rows of twelve readings fill a page, not fourteen.
    """

    entry = models.BigIntegerField(primary_key=True)
    seq = models.BigIntegerField()
    received_ms = models.BigIntegerField()
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    key = models.ForeignKey(ObjectKey, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    pairing = models.ForeignKey(Pairing, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    step = models.IntegerField()  # link of the data key's chain
    flags = models.SmallIntegerField()
    identity = models.BinaryField(max_length=32)
    sealed = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["key", "seq"], name="envelope_key_seq"),
            models.Index(fields=["pairing", "last_ms"], name="envelope_pairing_last"),
            # Few rows: intake hardly pays for it. The condition is `vault.holding`'s, word for word.
            models.Index(fields=["pairing"], name="envelope_held", condition=Q(Exact(F("flags").bitand(24), 8))),
        ]


class Erratum(models.Model):
    """What a record held in error: of one envelope, which metrics and when. The values went where they belong.

    Sealed as an envelope is, to the record that held it; the row of the envelope itself is sealed to another now.
    """

    entry = models.BigIntegerField()
    attribution = models.UUIDField()
    data_key = models.ForeignKey(DataKey, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    pairing = models.ForeignKey(Pairing, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    received_ms = models.BigIntegerField()
    at_ms = models.BigIntegerField()
    step = models.IntegerField()
    sealed = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["entry"], name="erratum_entry"),
            models.Index(fields=["pairing", "last_ms"], name="erratum_pairing_last"),
        ]


class Page(models.Model):
    """A month of one pairing, sealed under the record's key: a cache of its envelopes, which stay the truth (pages.py).

    `part` 0 is the cover, the others one metric each. What is counted here, the table of envelopes tells too. A cover
    without `sealed` has no page (yet): `waiting` says how many envelopes came since it was written.
    """

    record_key = models.ForeignKey(RecordKey, on_delete=models.PROTECT, db_index=False)
    pairing = models.ForeignKey(Pairing, on_delete=models.PROTECT, db_index=False)
    month = models.IntegerField()  # UTC, counted from January 1970
    part = models.SmallIntegerField()
    count = models.IntegerField(default=0)  # envelopes that it covers
    waiting = models.IntegerField(default=0)
    waiting_ms = models.BigIntegerField(default=0)  # since when
    sealed = models.BinaryField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pairing", "record_key", "month", "part"], name="page_place"),
        ]
        indexes = [models.Index(fields=["waiting_ms"], name="page_waiting", condition=Q(waiting__gt=0))]


class PageCursor(models.Model):
    """Up to which envelope the pages' job has looked. One row."""

    entry = models.BigIntegerField()
