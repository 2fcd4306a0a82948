"""What waits to leave, how each person wants to be reached, and when they want to be told. No address is written here.

An address lies sealed in people.Contact; it is opened when a message leaves, and forgotten.
"""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.people.models import Account, Contact


class Way(models.Model):
    """A person asked to be reached in this way: without a row, nothing leaves."""

    class Channel(models.TextChoices):
        EMAIL = "email"
        SMS = "sms"
        PUSH = "push"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="ways")
    channel = models.CharField(max_length=8, choices=Channel.choices)
    contact = models.ForeignKey(Contact, on_delete=models.CASCADE, null=True, related_name="ways")
    sealed_handle = models.BinaryField(null=True)  # of push: what the operator's app knows this account by
    language = models.CharField(max_length=2)
    since_ms = models.BigIntegerField()
    proved_ms = models.BigIntegerField(null=True)  # when its code was typed (codes.py): nothing else leaves before
    code_ms = models.BigIntegerField(null=True)  # when the latest code was asked for; it lies nowhere
    code_tries = models.SmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "contact"], name="way_contact_once"),
            models.UniqueConstraint(fields=["account"], condition=models.Q(contact=None), name="way_push_once"),
        ]


class Outgoing(models.Model):
    """One message on its way out. It has no text: the catalogue has one for all."""

    class State(models.TextChoices):
        WAITING = "waiting"
        SENT = "sent"
        DEAD = "dead"  # given up, until somebody tries it again

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    way = models.ForeignKey(Way, on_delete=models.CASCADE, related_name="messages")
    is_code = models.BooleanField(default=False)  # the code that proves the contact, not "you have a message"
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    queued_ms = models.BigIntegerField()
    due_ms = models.BigIntegerField()  # not before
    held_ms = models.BigIntegerField(default=0)  # a sender has it until then
    tries = models.SmallIntegerField(default=0)
    trouble = models.CharField(max_length=32, blank=True)  # our word for it: a server's own text may quote the address
    settled_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["state", "due_ms"], name="outgoing_due")]


class CodeSent(models.Model):
    """Somebody had a code sent: counted for a day, whatever became of the contact."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="codes_sent")
    at_ms = models.BigIntegerField(db_index=True)


class Rule(models.Model):
    """A patient wants to be told when something happens to their journal. What it is lies sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="journal_rules")
    sealed = models.BinaryField()
    since_ms = models.BigIntegerField()


class Met(models.Model):
    """Somebody who has seen a patient's record before, as a keyed hash that names neither: whoever has none is new."""

    mark = models.BinaryField(max_length=32, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="met")
