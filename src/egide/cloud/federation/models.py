"""Identities at providers, linked to accounts. A stolen table names nobody: not who, not even at which number."""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.people.models import Account


class LinkedIdentity(models.Model):
    """(issuer, sub) as a keyed blind index. Claims are sealed, or null: nothing is kept of a citizen."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    provider = models.CharField(max_length=16)
    subject_index = models.BinaryField(max_length=32, unique=True)
    rpps_index = models.BinaryField(max_length=32, unique=True, null=True)
    sealed_claims = models.BinaryField(null=True)
    assurance = models.SmallIntegerField()  # providers.Assurance, when it was linked
    created_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "provider"], name="one_identity_per_provider")]


class FederatedSession(models.Model):
    """A session that a provider opened; without this row the session is worth nothing. The ID token is sealed."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    identity = models.ForeignKey(LinkedIdentity, on_delete=models.CASCADE)
    session_key = models.CharField(max_length=40)  # under the same hash as in Django's table
    sid_index = models.BinaryField(max_length=32, null=True)
    sealed_id_token = models.BinaryField()
    created_ms = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["sid_index"], name="federated_sid")]


class SpentLogout(models.Model):
    """The number of a logout token that was used, as a SHA-256, until it has expired anyway."""

    token_hash = models.BinaryField(max_length=32, unique=True)
    expires_s = models.BigIntegerField()
