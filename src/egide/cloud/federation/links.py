"""Which account an identity at a provider opens. Only a link does that: never an e-mail, a name or a number alone.

A link is made from an open session of the account (an invitation opens one), and is a signed statement.
"""

from __future__ import annotations

import json
import uuid
from typing import Final

from django.db import IntegrityError

from egide.cloud.federation.flow import Identity
from egide.cloud.federation.indexes import index_of
from egide.cloud.federation.models import FederatedSession, LinkedIdentity
from egide.cloud.federation.providers import Provider
from egide.cloud.federation.sessions import end_rows
from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.people.models import Account
from egide.cloud.register.journal import append_statement
from egide.cloud.register.models import Statement
from egide.cloud.register.platform import platform
from egide.cloud.signin.attested import verified
from egide.cloud.signin.closing import CLOSED
from egide.cloud.signin.notices import tell
from egide.errors import EgideError, LinkRefusedError, NotFoundError, NotLinkedError, ProviderError

__all__ = ["LINK", "UNLINK", "attested_links", "link", "linked", "professional_claims", "sign_in_as", "unlink"]

LINK: Final = "identity-link"
UNLINK: Final = "identity-unlink"
RECOVERED: Final = "recovery-done"  # signin/recovery.py
_ENDS: Final = (RECOVERED, CLOSED)
_Link = tuple[str, bytes]


def link(account: Account, provider: Provider, identity: Identity, *, now_ms: int) -> LinkedIdentity:
    """Let this identity open this account from now on.

    Raises:
        LinkRefusedError: it opens another account, the account has another identity there, or is of another role.
    """
    roles = provider.kind.roles
    if (roles and account.role not in roles) or not account.is_active:
        raise LinkRefusedError("this provider signs in other roles than this account's")
    subject = index_of(identity.issuer, "sub", identity.sub)
    if (row := linked(account).get(provider.key)) is not None:
        if bytes(row.subject_index) != subject:
            raise LinkRefusedError("this account has another identity at this provider")
        return row
    for stale in LinkedIdentity.objects.filter(account=account, provider=provider.key):
        _delete(stale)  # no statement stands behind it
    rpps = _rpps_index(identity)
    if rpps is not None and LinkedIdentity.objects.filter(rpps_index=rpps).exists():
        raise LinkRefusedError("this professional's number opens another account")
    row = LinkedIdentity(
        account=account, provider=provider.key, subject_index=subject, rpps_index=rpps,
        assurance=int(identity.assurance), created_ms=now_ms, sealed_claims=_sealed(account, identity),
    )  # fmt: skip
    facts = {"id": subject, "provider": provider.key, "assurance": identity.assurance.name.lower()}
    try:
        append_statement(LINK, account.pk, facts, now_ms=now_ms, also=row.save)
    except IntegrityError as err:
        raise LinkRefusedError("this identity opens another account") from err
    tell(account, "factor", now_ms=now_ms, detail=provider.key)
    return row


def unlink(account: Account, provider_key: str, *, now_ms: int) -> None:
    """The identity opens nothing any more, and the sessions that it opened end. Raises NotFoundError."""
    row = LinkedIdentity.objects.filter(account=account, provider=provider_key).first()
    if row is None:
        raise NotFoundError("no identity of this provider is linked")
    facts = {"id": bytes(row.subject_index), "provider": provider_key}
    append_statement(UNLINK, account.pk, facts, now_ms=now_ms, also=lambda: _delete(row))
    tell(account, "factor-end", now_ms=now_ms, detail=provider_key)


def sign_in_as(provider: Provider, identity: Identity) -> LinkedIdentity:
    """The link of this identity, with what the provider says of a professional today.

    Raises:
        NotLinkedError: none, or its account is closed or has another role now (which of these is not said).
        ProviderError: the professional's number is not the one that was linked.
    """
    found = LinkedIdentity.objects.select_related("account").filter(
        subject_index=index_of(identity.issuer, "sub", identity.sub), provider=provider.key, account__is_active=True
    )
    row = found.first()
    roles = provider.kind.roles
    if row is None or (roles and row.account.role not in roles) or not _attested(row):
        raise NotLinkedError("this identity opens no account")
    rpps = _rpps_index(identity)
    if rpps != (None if row.rpps_index is None else bytes(row.rpps_index)):
        raise ProviderError("the professional's number has changed", step="rpps")
    if identity.claims is not None:
        row.sealed_claims = _sealed(row.account, identity)
        row.save(update_fields=["sealed_claims"])
    return row


def attested_links(account_id: uuid.UUID) -> tuple[set[_Link], set[_Link]]:
    """The links, by provider and blind index, that stand by the account's signed statements; and those that lapsed.

    All lapse when the account is closed, or opened anew at the desk: whoever had it before comes back by none of them.
    """
    standing: set[_Link] = set()
    lapsed: set[_Link] = set()
    rows = list(Statement.objects.filter(subject=account_id, kind__in=(LINK, UNLINK, *_ENDS)).order_by("entry"))
    if not rows:
        return standing, lapsed
    key = platform().signer.public_key
    for row in rows:
        try:
            said = verified(row, account_id, key)
        except (EgideError, TypeError):
            continue  # not signed by us: says nothing
        match said.kind, said.facts:
            case kind, {"provider": str(provider), "id": bytes(index)} if kind in (LINK, UNLINK):
                (standing.add if kind == LINK else standing.discard)((provider, index))
                lapsed.discard((provider, index))
            case kind, _ if kind in _ENDS:
                lapsed |= standing
                standing.clear()
    return standing, lapsed


def linked(account: Account) -> dict[str, LinkedIdentity]:
    """The identities that open the account, by provider."""
    standing, _lapsed = attested_links(account.pk)
    rows = LinkedIdentity.objects.filter(account=account)
    return {row.provider: row for row in rows if (row.provider, bytes(row.subject_index)) in standing}


def professional_claims(row: LinkedIdentity) -> dict[str, object] | None:
    """RPPS, professions and sectors, opened; None of a citizen. Raises SealError."""
    if row.sealed_claims is None:
        return None
    found: dict[str, object] = json.loads(open_text(bytes(row.sealed_claims), _context(row.account_id, row.provider)))
    return found


def _delete(row: LinkedIdentity) -> None:
    end_rows(FederatedSession.objects.filter(identity=row))
    row.delete()


def _attested(row: LinkedIdentity) -> bool:
    """Whether a signed statement links them still: a row alone opens nothing."""
    return (row.provider, bytes(row.subject_index)) in attested_links(row.account_id)[0]


def _rpps_index(identity: Identity) -> bytes | None:
    return None if identity.claims is None else blind_index(str(identity.claims["rpps"]), "rpps")


def _sealed(account: Account, identity: Identity) -> bytes | None:
    if identity.claims is None:
        return None
    return seal_text(json.dumps(identity.claims), _context(account.pk, "psc"))


def _context(account_id: uuid.UUID, provider: str) -> bytes:
    return b"federation.linkedidentity.claims " + account_id.bytes + provider.encode()
