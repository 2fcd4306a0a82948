"""People and where they work. Names, contacts, traits and identity numbers are sealed; a user name is random.

A stolen table tells neither who is a patient nor who a professional is. Rows are an index: an office counts only where
a signed statement of the register says the same (attested.py).
"""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from egide.cloud.keys.columns import open_text, seal_text


class Account(AbstractBaseUser):
    """A person who signs in. The name is sealed; `name_index` is a keyed blind index for exact look-up."""

    class Role(models.TextChoices):
        PATIENT = "patient"
        RELATIVE = "relative"
        PROFESSIONAL = "professional"
        OPERATOR = "operator"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    username = models.CharField(max_length=24, unique=True)
    role = models.CharField(max_length=16, choices=Role.choices)
    sealed_name = models.BinaryField()
    name_index = models.BinaryField(max_length=32)
    is_active = models.BooleanField(default=True)
    created_ms = models.BigIntegerField()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = BaseUserManager["Account"]()


class SignInLink(models.Model):
    """A one-time link, kept as the SHA-256 of its token."""

    token_hash = models.BinaryField(max_length=32, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE)
    expires_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)


class _Named(models.Model):
    """Something whose name may be a person's ("Cabinet du Dr Petit"): sealed, opened by `name`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    sealed_name = models.BinaryField(default=b"")
    created_ms = models.BigIntegerField()

    class Meta:
        abstract = True

    @property
    def name(self) -> str:
        """Opened; "" before one was given. Raises SealError when the row was altered."""
        return open_text(bytes(self.sealed_name), self._context()) if self.sealed_name else ""

    @name.setter
    def name(self, name: str) -> None:
        self.sealed_name = seal_text(name, self._context())

    def _context(self) -> bytes:
        return f"{self._meta.db_table}.name ".encode() + self.id.bytes


class Group(_Named):
    """Establishments that share their steering and nothing of their patients (a GHT)."""

    reference = models.UUIDField(null=True)  # the establishment whose officers steer all of them


class Establishment(_Named):
    """Where people work and patients are followed. A practice is an establishment of one."""

    class Kind(models.TextChoices):
        HOSPITAL = "hospital"
        CLINIC = "clinic"
        PRACTICE = "practice"
        HOME_CARE = "home-care"
        LABORATORY = "laboratory"
        MAKER = "maker"
        OTHER = "other"
        # Declared so that they can be told apart: nothing opens health data to them (consent/policies/2-never.cedar).
        INSURER = "insurer"
        EMPLOYER = "employer"
        BANK = "bank"

    kind = models.CharField(max_length=16, choices=Kind.choices, default=Kind.HOSPITAL)
    group = models.ForeignKey(Group, on_delete=models.PROTECT, null=True, related_name="establishments")


class Membership(models.Model):
    """A person holds an office somewhere, from `since` until just before `until`."""

    class Office(models.TextChoices):
        NURSE = "nurse"
        DOCTOR = "doctor"
        PROFESSIONAL = "professional"
        ENGINEER = "engineer"
        SECURITY_OFFICER = "security-officer"
        DPO = "dpo"
        RESEARCHER = "researcher"
        MAKER = "maker"
        AUDITOR = "auditor"
        ADMINISTRATOR = "administrator"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="memberships")
    office = models.CharField(max_length=20, choices=Office.choices)
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)


class Proposal(models.Model):
    """One person proposes an office for somebody; another decides, or it lapses."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="proposals")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="proposals")
    office = models.CharField(max_length=20, choices=Membership.Office.choices)
    until_ms = models.BigIntegerField(null=True)  # of the office
    proposed_by = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="proposed")
    proposed_ms = models.BigIntegerField()
    lapses_ms = models.BigIntegerField()
    decided_by = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="decided")
    decided_ms = models.BigIntegerField(null=True)
    approved = models.BooleanField(null=True)


class Ceremony(models.Model):
    """Two halves, kept as SHA-256, that two people bring together to make the first two officers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    first_hash = models.BinaryField(max_length=32)
    second_hash = models.BinaryField(max_length=32)
    begun_ms = models.BigIntegerField()
    lapses_ms = models.BigIntegerField()
    tries = models.SmallIntegerField(default=0)
    done_ms = models.BigIntegerField(null=True)


class Registration(models.Model):
    """A patient is known to an establishment: its people may find them by name there, and nowhere else."""

    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="registrations")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="registrations")
    since_ms = models.BigIntegerField()
    until_ms = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["patient", "establishment"], condition=models.Q(until_ms=None), name="registration_open"
            )
        ]


class Invitation(models.Model):
    """A new person's one way to a first sign-in: a token kept as its SHA-256, good once, for seven days."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    token_hash = models.BinaryField(max_length=32, unique=True)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="invitations")
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="invitations")
    made_by = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="invited")
    made_ms = models.BigIntegerField()
    expires_ms = models.BigIntegerField()
    used_ms = models.BigIntegerField(null=True)
    withdrawn_ms = models.BigIntegerField(null=True)


class Contact(models.Model):
    """How a person is reached: sealed, with a keyed blind index for exact look-up."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        PHONE = "phone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="contacts")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    sealed_value = models.BinaryField()
    value_index = models.BinaryField(max_length=32, db_index=True)
    since_ms = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "value_index"], name="contact_once")]


class Identity(models.Model):
    """The index of a patient's identity: traits sealed for the search in memory, the number by its blind index."""

    class Status(models.TextChoices):
        PROVISIONAL = "provisoire"
        RETRIEVED = "récupérée"
        VALIDATED = "validée"
        QUALIFIED = "qualifiée"

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="identity")
    status = models.CharField(max_length=12, choices=Status.choices, default=Status.PROVISIONAL)
    fictive = models.BooleanField(default=False)
    doubtful = models.BooleanField(default=False)
    sealed_traits = models.BinaryField()
    ins_index = models.BinaryField(max_length=32, null=True, db_index=True)
    changed_ms = models.BigIntegerField()


class Agreement(models.Model):
    """A patient agreed, or refused, aloud or on paper; a professional recorded it, the patient may confirm it later.

    What was agreed to and who recorded it lie in the statement, sealed; the scan is sealed to the patient's record.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="agreements")
    at_ms = models.BigIntegerField()
    confirmed_ms = models.BigIntegerField(null=True)
    withdrawn_ms = models.BigIntegerField(null=True)
    sealed_scan = models.BinaryField(null=True)


class Merge(models.Model):
    """Two files of one person: the one that is kept, and the one that now leads to it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kept = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="absorbed")
    merged = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="merges")
    at_ms = models.BigIntegerField()
    undone_ms = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merged"], condition=models.Q(undone_ms=None), name="merged_once")
        ]
