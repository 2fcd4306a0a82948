"""One request over FHIR, read once: who asks, with which parameters, how strictly, and now."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Final

from django.http import HttpRequest, QueryDict

from egide.cloud.fhir.reader import Reader
from egide.cloud.fhir.wrong import ParameterError
from egide.cloud.people.ins import NIA, NIR, Ins
from egide.cloud.people.models import Account
from egide.cloud.release.door import Ask
from egide.errors import AccessDeniedError, MalformedError

__all__ = ["EVER_MS", "Asked", "query_of"]

EVER_MS: Final = 2**48
CHANNEL: Final = "fhir"
_FORM: Final = "application/x-www-form-urlencoded"
#: Systems of national identifiers: the INS's (test and real), the NIR's, the RPPS's and ADELI's.
_NATIONAL: Final = ("1.2.250.1.213.1.4.", "1.2.250.1.71.4.2.", "rpps.esante.gouv.fr", "identifiant-national", "nir")
_NIR: Final = re.compile(r"[1-478]\d{4}(\d{2}|2[AB])\d{6}(\d{2})?", re.IGNORECASE)
_PEOPLE: Final = frozenset({"patient", "subject", "practitioner"})
_RPPS: Final = re.compile(r"8?\d{11}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks of this server. `query` is what the address says, and the form of a `_search` by POST."""

    request: HttpRequest
    reader: Reader
    query: QueryDict
    base: str
    now_ms: int

    @property
    def strict(self) -> bool:
        """Whether an unknown parameter is refused: unless `Prefer: handling=lenient` was said."""
        wishes = re.split(r"[;,\s]+", self.request.headers.get("Prefer", "").lower())
        return "handling=lenient" not in wishes

    def purpose(self, patient: Account) -> str:
        account = self.reader.account
        return self.reader.purpose or ("PATRQT" if account is not None and account.pk == patient.pk else "TREAT")

    def ask(
        self, patient: Account, *, since_ms: int = 0, until_ms: int = 0, codes: tuple[str, ...] = (),
        entry: int | None = None, signed: bool = False,
    ) -> Ask:  # fmt: skip
        """The question for the door, of this reader about `patient`."""
        return Ask(
            reader=self.reader.account, patient=patient, since_ms=since_ms, until_ms=until_ms,
            purpose=self.purpose(patient), channel=CHANNEL, codes=codes, entry=entry, signed=signed, export=True,
            app=self.reader.app, sector=self.reader.sector,
            responsible=str(self.reader.responsible.pk) if self.reader.responsible is not None else "",
        )  # fmt: skip

    def require(self, kind: str, interaction: str, patient: Account | None = None) -> None:
        """Raises AccessDeniedError: no scope of the reader's is for this, or for this patient."""
        about = {"resourceType": "Patient", "id": str(patient.pk)} if patient is not None else None
        scopes = self.reader.scopes
        if scopes is None:
            return
        for scope in scopes:
            here = scope.level != "patient" or about is None or str(self.reader.patient) == about["id"]
            if here and scope.allows(self.reader, kind, interaction):
                return
        raise AccessDeniedError("no ground lets this reader see this record")

    def patient(self, named: str) -> Account:
        """The patient of that id. Unknown and forbidden are one answer.

        Raises:
            ParameterError: no id. AccessDeniedError: there is none.
        """
        try:
            key = uuid.UUID(named.removeprefix("Patient/"))
        except ValueError as err:
            raise ParameterError("patient", "is Patient/ and an id") from err
        found = Account.objects.filter(pk=key, role=Account.Role.PATIENT).first()
        if found is None:
            raise AccessDeniedError("no ground lets this reader see this record")
        return found


def query_of(request: HttpRequest) -> QueryDict:
    """The parameters of a request, without national identifiers in an address.

    Raises:
        ParameterError: an identity number stands in the address, where servers between us may write it down.
    """
    for name, values in request.GET.lists():
        if any(_national(name, value) for value in values):
            raise ParameterError(name, "a national identifier is asked for by POST to _search, never in an address")
    query = request.GET.copy()
    if request.method == "POST" and request.content_type == _FORM:
        for name, values in request.POST.lists():
            query.setlist(name, [*query.getlist(name), *values])
    return query


def _national(name: str, value: str) -> bool:
    if name == "_cursor":
        return False
    system, bar, number = value.rpartition("|")
    number = re.sub(r"[\s.]", "", number)
    if bar and any(known in system.lower() for known in _NATIONAL):
        return True
    if "identifier" in name or name in _PEOPLE:
        return bool(_NIR.fullmatch(number) or _RPPS.fullmatch(number))
    try:
        Ins.read(number, NIA if number[:1] in ("7", "8") else NIR)  # form and key: nothing else has them but by chance
    except MalformedError:
        return False
    return True
