"""Patients' key pairs: the public half seals, the private half lies wrapped by the key provider."""

from __future__ import annotations

from django.db import models


class RecordKey(models.Model):
    """The key pair of one patient, establishment and retention class.

    Erasing a class is deleting `wrapped` here and destroying the epoch of the key that wrapped it.
    """

    class Class(models.TextChoices):
        CARE = "care"
        PERSONAL = "personal"
        RESEARCH = "research"

    subject = models.UUIDField()  # the patient's record, not a name
    establishment = models.UUIDField()
    klass = models.CharField(max_length=8, choices=Class.choices)
    suite = models.SmallIntegerField()  # egide.trust.seal.Suite
    public = models.BinaryField()
    wrapped = models.BinaryField(null=True)  # null once erased
    epoch = models.IntegerField()  # of the key-encryption key
    created_ms = models.BigIntegerField()
    erased_ms = models.BigIntegerField(null=True)
    erased_entry = models.BigIntegerField(null=True)  # of the statement that says so

    class Meta:
        indexes = [models.Index(fields=["subject", "establishment", "klass"], name="recordkey_subject")]
