"""What intake keeps beside the vault: refused envelopes, sealed and bounded, and events worth a person's look."""

from __future__ import annotations

from django.db import models


class Refused(models.Model):
    """A refused envelope, sealed to the quarantine's key."""

    at_ms = models.BigIntegerField()
    code = models.CharField(max_length=32)
    digest = models.BinaryField(max_length=32)  # SHA-256 of the bytes received
    source = models.CharField(max_length=36)  # the object's id as the broker or TLS proved it, or ""
    sealed = models.BinaryField()


class Event(models.Model):
    """Something that somebody in charge should see."""

    class Kind(models.TextChoices):
        CLONE = "clone"  # two messages of one object under one number
        CUT = "cut"  # the broker ended the connection of somebody revoked
        WITNESS_CONFLICT = "witness-conflict"  # a witness saw another register
        POLICY_DISAGREEMENT = "policy-disagreement"  # the rules and the policies answered differently
        REVIEW_OVERDUE = "review-overdue"  # nobody reviewed an emergency within the day; `detail` is its id

    at_ms = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    object_id = models.UUIDField(null=True)
    entry = models.BigIntegerField(null=True)
    detail = models.CharField(max_length=200, default="")


class Signing(models.Model):
    """An envelope that the platform signs for a system that cannot: what makes it, so that it can be made again.

    `id` is its counter. Kept before intake is asked: the same request, sent again after a fall, makes the same bytes.
    """

    object = models.UUIDField()
    pairing = models.UUIDField()
    certificate = models.BinaryField(max_length=32)  # SHA-256
    cti = models.BinaryField(max_length=16)
    iat_s = models.BigIntegerField()


class Written(models.Model):
    """What a system wrote once: by a keyed hash of its name there, never the name; `position` is that of its series."""

    object = models.UUIDField()
    name = models.BinaryField(max_length=32)
    digest = models.BinaryField(max_length=32)  # a keyed hash of what was measured
    signing = models.ForeignKey(Signing, on_delete=models.CASCADE, related_name="written")
    position = models.SmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["object", "name"], name="written_once")]


class Superseded(models.Model):
    """What a system wrote was replaced by what it wrote later: an index of signed statements; both stay as they are."""

    entry = models.BigIntegerField()
    position = models.SmallIntegerField()
    by_entry = models.BigIntegerField()
    by_position = models.SmallIntegerField()
    at_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["entry", "position"], name="superseded_once")]
