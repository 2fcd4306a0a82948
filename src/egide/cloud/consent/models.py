"""Grounds: for now, that a professional follows a patient."""

from __future__ import annotations

from django.db import models

from egide.cloud.people.models import Account


class FollowUp(models.Model):
    """A professional belongs to a patient's follow-up, from `since` until just before `until`."""

    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="followed_by")
    professional = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="follows")
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)
