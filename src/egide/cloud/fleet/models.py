"""Objects, the keys and certificates they sign with, the claims they enrol by, and whom they measure for a time."""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Account


class Trust(models.IntegerChoices):
    """How much a reading of this object's is worth, weakest first."""

    ENTERED = 1, "entered by hand"
    SYSTEM = 2, "attested by a system"
    GATEWAY = 3, "attested by a gateway"
    OBJECT = 4, "signed by the object"
    HARDWARE = 5, "signed in the object's secure hardware"


class HealthObject(models.Model):
    """A connected health object. Its id is its name everywhere: certificate, topic, envelope."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    model = models.CharField(max_length=80)
    trust = models.SmallIntegerField(choices=Trust.choices, default=Trust.OBJECT)
    created_ms = models.BigIntegerField()
    revoked_ms = models.BigIntegerField(null=True)
    revoked_why = models.CharField(max_length=32, default="")


class ObjectKey(models.Model):
    """A public key that an object enrolled. The sequence numbers of envelopes belong to it."""

    id = models.AutoField(primary_key=True)
    object = models.ForeignKey(HealthObject, on_delete=models.PROTECT, related_name="keys")
    thumbprint = models.BinaryField(max_length=32, unique=True)  # SHA-256 of the SubjectPublicKeyInfo
    spki = models.BinaryField()


class Certificate(models.Model):
    """A certificate that was issued to an object."""

    id = models.AutoField(primary_key=True)
    object = models.ForeignKey(HealthObject, on_delete=models.PROTECT, related_name="certificates")
    key = models.ForeignKey(ObjectKey, on_delete=models.PROTECT)
    sha256 = models.BinaryField(max_length=32, unique=True)
    serial = models.CharField(max_length=40, unique=True)  # hexadecimal
    der = models.BinaryField()
    not_before_ms = models.BigIntegerField()
    not_after_ms = models.BigIntegerField()
    revoked_ms = models.BigIntegerField(null=True)
    revoked_why = models.CharField(max_length=32, default="")


class Claim(models.Model):
    """The right to enrol one object once: an id, and the SHA-256 of a one-time code of 160 random bits."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    object = models.ForeignKey(HealthObject, on_delete=models.PROTECT, related_name="claims")
    code_hash = models.BinaryField(max_length=32)
    expires_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)
    # What it gave: the same key may ask again, when the answer was lost on its way.
    certificate = models.ForeignKey(Certificate, on_delete=models.PROTECT, null=True, related_name="+")


class ClaimAttempt(models.Model):
    """A wrong try, by source (a keyed hash of the address), so that a source is slowed and no claim is locked."""

    source = models.BinaryField(max_length=32)
    at_ms = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["source", "at_ms"], name="claimattempt_source")]


class Pairing(models.Model):
    """An object measures a patient for a time. Objects know `uuid` and nothing else of it."""

    id = models.AutoField(primary_key=True)
    uuid = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    object = models.ForeignKey(HealthObject, on_delete=models.PROTECT, related_name="pairings")
    patient = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="pairings")
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)
    klass = models.CharField(max_length=8, default="care")  # of the record (keys.models): what one adds is personal
    establishment = models.UUIDField(default=ESTABLISHMENT)  # whose key of the record seals what it measures


class Attribution(models.Model):
    """Somebody says whose the envelopes of a pairing are, for a period of measuring [since_ms, until_ms).

    `moved`: they are `to`'s, whatever the pairing says. `own`: they are the pairing's patient's, though measured
    outside its window. `dismissed`: those held in the period until `at_ms` stay nobody's. A row is an index of what
    was signed; with `at_ms` None it is a proposal, which changes nothing.
    """

    class Kind(models.TextChoices):
        MOVED = "moved"
        OWN = "own"
        DISMISSED = "dismissed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=9, choices=Kind.choices)
    pairing = models.ForeignKey(Pairing, on_delete=models.PROTECT, related_name="attributions")
    to = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="attributions")
    klass = models.CharField(max_length=8, default="care")
    establishment = models.UUIDField(default=ESTABLISHMENT)
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)
    sealed_reason = models.BinaryField(default=b"")
    proposed_by = models.UUIDField()
    proposed_ms = models.BigIntegerField()
    refused_ms = models.BigIntegerField(null=True)  # of a proposal
    confirmed_by = models.UUIDField(null=True)
    at_ms = models.BigIntegerField(null=True)
    undo_by = models.UUIDField(null=True)  # who proposes to undo it
    undo_ms = models.BigIntegerField(null=True)
    undone_by = models.UUIDField(null=True)
    undone_ms = models.BigIntegerField(null=True)
    moved_ms = models.BigIntegerField(null=True)  # when the last of them had moved (back, once undone); None meanwhile
