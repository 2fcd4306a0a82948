"""Rows that point at grounds: an index for pages and lists, never a ground. Signed statements are (attested.py).

A row says who, whom and when; what was shared, why and in which words lies sealed in the statement.
"""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.people.models import Account, Establishment


class FollowUp(models.Model):
    """A professional belongs to a patient's follow-up, from `since` until just before `until`."""

    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="followed_by")
    professional = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="follows")
    care = models.UUIDField(null=True)  # the care relation; null for one that was begun without papers
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["professional", "patient"], name="followup_professional")]


class Ground(models.Model):
    """A care relation, a grant, a representation, a research project, an emergency or a restriction."""

    class Kind(models.TextChoices):
        CARE = "care"
        GRANT = "grant"
        REPRESENTATION = "representation"
        RESEARCH = "research"
        EMERGENCY = "emergency"
        RESTRICTION = "restriction"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=16, choices=Kind.choices)
    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="grounds")
    holder_kind = models.CharField(max_length=16)  # account | establishment | team | app | everyone
    holder = models.CharField(max_length=64, blank=True)
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["holder", "kind"], name="ground_holder")]


class ProjectProposal(models.Model):
    """A project as its researcher describes it, until a second person decides; then its id is the project's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+")
    researcher = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    terms = models.TextField()  # JSON: what patients will read, and nobody's data
    proposed_ms = models.BigIntegerField()
    lapses_ms = models.BigIntegerField()
    decided_by = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    decided_ms = models.BigIntegerField(null=True)
    approved = models.BooleanField(null=True)
