"""Accounts. A user name is random: a stolen table does not tell who is a patient."""

from __future__ import annotations

import uuid
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models


class Account(AbstractBaseUser):
    """A person who signs in. The name is sealed; `name_index` is a keyed blind index for exact look-up."""

    class Role(models.TextChoices):
        PATIENT = "patient"
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
