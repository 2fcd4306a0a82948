"""One row for a person who wants pages otherwise than they come. Sealed: it may tell that reading is hard for them."""

from __future__ import annotations

from django.db import models

from egide.cloud.people.models import Account


class Wish(models.Model):
    """Overwritten at each change: no history of it is kept. It goes with its account."""

    account = models.OneToOneField(Account, on_delete=models.CASCADE, primary_key=True, related_name="wish")
    sealed = models.BinaryField()
