"""Sessions as people see them, what they are told about their account, and what was spent.

No address is kept: a session shows when it began and what kind of device it is, in words anybody would use.
The factors themselves are rows of allauth's `mfa.Authenticator`; one counts where a statement says so (attested.py).
"""

from __future__ import annotations

import uuid

from django.db import models

from egide.cloud.people.models import Account, Establishment


class Workstation(models.Model):
    """A computer that several people use, as an officer marked it. Its browser holds a signed cookie that names it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="workstations")
    sealed_label = models.BinaryField()  # where it stands, in the establishment's words
    marked_ms = models.BigIntegerField()
    seen_ms = models.BigIntegerField()  # when somebody last signed in there
    ended_ms = models.BigIntegerField(null=True)


class OpenSession(models.Model):
    """A session, under the same hash of its key as in Django's table."""

    session_key = models.CharField(max_length=40, primary_key=True)
    number = models.UUIDField(default=uuid.uuid4, unique=True)  # stays when the key changes; it opens nothing
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="open_sessions")
    method = models.CharField(max_length=16)
    device = models.CharField(max_length=48)  # devices.py: three words, not the browser's own text
    opened_ms = models.BigIntegerField()
    seen_ms = models.BigIntegerField()
    # of a session on a shared workstation (lock.py); null elsewhere
    workstation = models.ForeignKey(Workstation, null=True, on_delete=models.CASCADE, related_name="sessions")
    active_ms = models.BigIntegerField(null=True)  # when its owner last touched anything
    locked_ms = models.BigIntegerField(null=True)  # when they, or another tab, locked it


class Notice(models.Model):
    """Something that the owner of an account is told in the portal, until they say that they read it."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="notices")
    kind = models.CharField(max_length=24)
    detail = models.CharField(max_length=48, blank=True)  # a device, or a kind of factor; never a name
    at_ms = models.BigIntegerField()
    read_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["account", "read_ms"], name="notice_unread")]


class Kept(models.Model):
    """What somebody left on a shared workstation: their last page, or a form not yet sent. Sealed to their account."""

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="kept")
    mark = models.BinaryField(max_length=32)  # a blind index of which page or form: the address names patients
    sealed = models.BinaryField()
    at_ms = models.BigIntegerField(db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "mark"], name="kept_once")]


class Spent(models.Model):
    """What may be used once only, as a hash: the row that can be inserted decides, in any process."""

    digest = models.BinaryField(max_length=32, unique=True)
    lapses_ms = models.BigIntegerField(db_index=True)


class Attempt(models.Model):
    """A wrong code, counted under a keyed hash: neither an address nor a user name can be read here."""

    bucket = models.BinaryField(max_length=32)
    at_ms = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(fields=["bucket", "at_ms"], name="attempt_bucket")]
