"""Apps, and what was given to them. Rows are an index: an app counts as the register's statement describes it.

Codes and tokens stand as their SHA-256 and nothing else. The models are django-oauth-toolkit's, swapped for these.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractApplication,
    AbstractGrant,
    AbstractRefreshToken,
)

from egide.cloud.people.models import Account, Establishment


def new_id() -> str:
    """An app's identifier."""
    return str(uuid.uuid4())


class App(AbstractApplication):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """A program that somebody registered. Whoever approves it is another person, of the same establishment."""

    class Kind(models.TextChoices):
        PERSON = "person"  # acts for whoever lets it
        SERVICE = "service"  # acts for itself: for one establishment, one purpose and one group

    client_id = models.CharField(max_length=36, unique=True, default=new_id)
    client_secret = models.CharField(max_length=1, default="", editable=False)  # nobody has one: keys, or PKCE alone
    user = None
    kind = models.CharField(max_length=8, choices=Kind.choices)
    establishment = models.ForeignKey(Establishment, on_delete=models.PROTECT, related_name="+")
    about = models.CharField(max_length=500, default="")  # what it does, in its registrant's words
    scopes = models.TextField()  # what it may ask for at most
    launch_uri = models.TextField(default="")
    jwks = models.TextField(default="")  # public keys, given at registration
    purpose = models.CharField(max_length=16, default="")
    group = models.CharField(max_length=64, default="")
    responsible = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="+")
    registered_by = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    registered_ms = models.BigIntegerField()
    decided_by = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="+")
    decided_ms = models.BigIntegerField(null=True)
    approved = models.BooleanField(null=True)
    ended_ms = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["establishment"], name="app_establishment")]

    @property
    def subject(self) -> uuid.UUID:
        """What the register's statements about it are about."""
        return uuid.UUID(self.client_id)

    def redirect_uri_allowed(self, uri: str) -> bool:
        """Letter by letter (RFC 9700, 2.1): no port, no path and no query is taken for another."""
        return uri in self.redirect_uris.split()

    def origin_allowed(self, origin: str) -> bool:
        return origin in self.allowed_origins.split()

    def get_allowed_schemes(self) -> list[str]:
        return ["https", "http"]  # http: this machine alone (registry.py)

    def is_usable(self, request: Any) -> bool:  # noqa: ARG002
        """As the register says, now."""
        from egide.cloud.smart.attested import stands

        return stands(self)


class Code(AbstractGrant):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """An authorization code: `code` is its SHA-256. One that was used is kept, so that a second use is known."""

    patient = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    ground = models.CharField(max_length=36, default="")  # the patient's own grant to the app
    family = models.UUIDField()
    session = models.CharField(max_length=40, default="")  # the person's, as it stands in Django's table
    used_ms = models.BigIntegerField(null=True)

    class Meta:
        pass


class Token(AbstractAccessToken):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """An access token, an hour at most."""

    id_token = None
    patient = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    ground = models.CharField(max_length=36, default="")
    family = models.UUIDField(db_index=True)
    made_ms = models.BigIntegerField()

    class Meta:
        pass

    @property
    def scopes(self) -> dict[str, str]:
        return dict.fromkeys(self.scope.split(), "")


class Refresh(AbstractRefreshToken):  # type: ignore[misc]  # django-oauth-toolkit has no types
    """A refresh token, good once; those of one authorization are a family, and end together."""

    scope = models.TextField()
    patient = models.ForeignKey(Account, on_delete=models.CASCADE, null=True, related_name="+")
    ground = models.CharField(max_length=36, default="")
    session = models.CharField(max_length=40, default="")  # "": offline access
    until_ms = models.BigIntegerField()

    class Meta(AbstractRefreshToken.Meta):  # type: ignore[misc]
        indexes = [models.Index(fields=["token_family"], name="refresh_family")]


class Launch(models.Model):
    """Somebody opened an app from a patient's record: good once, for this person, this app and five minutes."""

    token_hash = models.CharField(max_length=64, unique=True)
    app = models.ForeignKey(App, on_delete=models.CASCADE, related_name="+")
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    patient = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="+")
    lapses_ms = models.BigIntegerField()


class SpentAssertion(models.Model):
    """The jti of an app's assertion that was used, as a SHA-256, until it has lapsed anyway."""

    digest = models.BinaryField(max_length=32, unique=True)
    lapses_ms = models.BigIntegerField()
