"""The register's tables. Rows of the tree are written with raw SQL by `store.py`, in one short transaction.

An entry's number is `log << 40 | leaf index`, so one integer orders and names every entry of every epoch.
"""

from __future__ import annotations

from django.db import models

ENTRY_BITS = 40


class Log(models.Model):
    """One epoch of the register: its own origin and key. A restore opens the next."""

    id = models.SmallAutoField(primary_key=True)
    origin = models.CharField(max_length=128, unique=True)  # C2SP origin
    uri = models.CharField(max_length=64, unique=True)  # urn:uuid:..., what receipts name
    kid = models.BinaryField(max_length=32)
    public = models.BinaryField()  # SubjectPublicKeyInfo
    opened_ms = models.BigIntegerField()
    size = models.BigIntegerField(default=0)
    root = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return self.origin


class Tile(models.Model):
    """256 hashes or fewer (C2SP tlog-tiles): immutable once full."""

    pk = models.CompositePrimaryKey("log_id", "level", "n")
    log = models.ForeignKey(Log, on_delete=models.PROTECT)
    level = models.SmallIntegerField()
    n = models.BigIntegerField()
    data = models.BinaryField()


class Statement(models.Model):
    """An entry that is not an envelope: a COSE_Sign1 of the platform. Its personal parts are sealed."""

    entry = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=24)
    subject = models.UUIDField(null=True)  # whose record, pairing or object it is about
    at_ms = models.BigIntegerField()
    body = models.BinaryField()

    class Meta:
        indexes = [
            models.Index(fields=["subject", "entry"], name="statement_subject"),
            models.Index(fields=["subject", "kind", "entry"], name="statement_subject_kind"),  # a patient's journal
            models.Index(fields=["kind", "entry"], name="statement_kind"),
        ]


class Topic(models.Model):
    """Which statement is about what, and whether it was settled: an index, never a ground."""

    kind = models.CharField(max_length=24)  # of the statement that began it
    name = models.CharField(max_length=128)
    subject = models.UUIDField(null=True)
    entry = models.BigIntegerField()
    settled = models.BigIntegerField(null=True)  # the entry of the statement that settled it

    class Meta:
        indexes = [
            models.Index(fields=["kind", "name"], name="topic_name"),
            models.Index(fields=["kind", "settled", "entry"], name="topic_waiting"),
            models.Index(fields=["subject", "kind"], name="topic_subject"),
        ]


class Checkpoint(models.Model):
    """A signed note (C2SP tlog-checkpoint), with the cosignatures that witnesses gave."""

    log = models.ForeignKey(Log, on_delete=models.PROTECT)
    size = models.BigIntegerField()
    note = models.TextField()  # signed by the log
    protected = models.BinaryField()  # of every receipt at this size (RFC 9942)
    signature = models.BinaryField()  # so that a proof is made without the log's key
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["log", "size"], name="checkpoint_size")]


class Cosignature(models.Model):
    """A witness's line under a checkpoint (C2SP tlog-cosignature)."""

    checkpoint = models.ForeignKey(Checkpoint, on_delete=models.CASCADE, related_name="cosignatures")
    witness = models.CharField(max_length=128)
    line = models.TextField()
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["checkpoint", "witness"], name="cosignature_witness")]


class Witness(models.Model):
    """A witness that this platform asks: where it listens and the key it signs with (a vkey, C2SP signed-note)."""

    name = models.CharField(max_length=128, unique=True)
    url = models.CharField(max_length=256)
    vkey = models.CharField(max_length=256)


class Store(models.Model):
    """What the store was made for, written once, beside its first log. The people of a demo are invented."""

    demo = models.BooleanField()
