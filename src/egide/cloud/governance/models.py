"""Requests of the rights, and proposals to destroy. Rows are an index: what was asked, answered and by whom is signed.

No text lies here: what a person wrote, and what they were told, is sealed to their record in the register's statements.
"""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.keys.records import ESTABLISHMENT
from egide.cloud.people.models import Account


class Request(models.Model):
    """Somebody exercises a right about their data; an answer is due until `due_ms`."""

    class Kind(models.TextChoices):
        ACCESS = "access"
        PORTABILITY = "portability"
        RECTIFY = "rectify"
        RESTRICT = "restrict"
        OPPOSE = "oppose"
        ERASE = "erase"

    class State(models.TextChoices):
        OPEN = "open"
        GRANTED = "granted"
        PARTLY = "partly"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="rights_requests")
    establishment = models.UUIDField(default=ESTABLISHMENT)
    kind = models.CharField(max_length=12, choices=Kind.choices)
    state = models.CharField(max_length=12, choices=State.choices, default=State.OPEN)
    asked_ms = models.BigIntegerField()
    not_before_ms = models.BigIntegerField()
    due_ms = models.BigIntegerField()
    closed_ms = models.BigIntegerField(null=True)
    duties = models.CharField(max_length=24)  # the version of duties.toml that gave the times

    class Meta:
        indexes = [
            models.Index(fields=["patient", "asked_ms"], name="rights_patient"),
            models.Index(fields=["establishment", "state", "due_ms"], name="rights_due"),
        ]


class Destruction(models.Model):
    """A care record whose term has passed: one person proposes, another decides. Never automatic."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="destructions")
    establishment = models.UUIDField(default=ESTABLISHMENT)
    proposed_by = models.UUIDField()
    proposed_ms = models.BigIntegerField()
    decided_by = models.UUIDField(null=True)
    decided_ms = models.BigIntegerField(null=True)
    approved = models.BooleanField(null=True)
    entry = models.BigIntegerField(null=True)  # of the erasure, once done
