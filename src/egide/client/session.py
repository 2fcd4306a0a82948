"""Asks a FHIR server for a patient's readings, page by page."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, Self

import httpx

from egide.client.auth import Auth
from egide.client.origin import require_base, require_safe
from egide.client.readings import Reading, Readings, rows_of
from egide.errors import AccessDeniedError, EgideError, MalformedError, NotFoundError, RefusedError, UnavailableError

__all__ = ["Client", "Progress"]

#: Called after each page: (observations so far, how many there will be or None).
Progress = Callable[[int, int | None], None]
_PAGE: Final = 1000
_TRIES: Final = 4
_WAIT_S: Final = 30.0
_TYPE: Final = "application/fhir+json"
_CODES: Final[dict[int, type[EgideError]]] = {401: AccessDeniedError, 403: AccessDeniedError, 404: NotFoundError}


class Client:
    """One server, one identity. Use it as a context manager: leaving it closes its connections.

    `ca` is a PEM file of the server's authority when the system does not know it. `wait` is for tests.
    """

    def __init__(
        self, base: str, auth: Auth, *, ca: str | None = None, transport: httpx.BaseTransport | None = None,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:  # fmt: skip
        self._base = require_base(base)
        self._auth, self._wait = auth, wait
        verify = httpx.create_ssl_context(verify=ca) if ca else True
        self._http = httpx.Client(timeout=_WAIT_S, verify=verify, transport=transport, follow_redirects=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def patients(self) -> list[str]:
        """The ids of the patients whom this identity may ask about."""
        return [str(one["id"]) for one in self._pages(f"{self._base}/Patient?_count={_PAGE}", "Patient", None)]

    def readings(
        self, patient: str, codes: Sequence[str] = (), *, since: datetime | None = None, until: datetime | None = None,
        progress: Progress | bool = False,
    ) -> Readings:  # fmt: skip
        """What this identity may see of a patient's readings, in the order of time.

        `codes` are those of the metrics (LOINC where there is one; none means all); the period is [since, until).
        `progress=True` shows a bar in a terminal or a notebook.

        Raises:
            AccessDeniedError: no token, no scope or no ground. NotFoundError: no such patient.
            UnavailableError: the server does not answer, even asked again. MalformedError: it answers no FHIR.
        """
        query = httpx.QueryParams({"patient": patient, "_sort": "date", "_count": str(_PAGE)})
        if codes:
            query = query.set("code", ",".join(codes))
        for word, when in (("ge", since), ("lt", until)):
            if when is not None:
                query = query.add("date", word + _instant(when))
        with _shown(progress) as tell:
            rows: list[Reading] = []
            for one in self._pages(f"{self._base}/Observation?{query}", "Observation", tell):
                rows.extend(rows_of(one))
        return Readings(rows)

    def _pages(self, address: str, kind: str, tell: Progress | None) -> Iterator[dict[str, Any]]:
        """Every match of a search; each page is asked for when the one before has been taken."""
        done, asked = 0, set[str]()
        while address:
            if address in asked:
                raise MalformedError("the server's pages go round in a circle")
            asked.add(address)
            bundle = self._get(address)
            if bundle.get("resourceType") != "Bundle":
                raise MalformedError("the server's answer is no Bundle")
            found = [entry["resource"] for entry in bundle.get("entry", []) if _is(entry, kind)]
            yield from found
            done += len(found)
            if tell is not None:
                tell(done, bundle.get("total"))
            address = next((str(n["url"]) for n in bundle.get("link", []) if n.get("relation") == "next"), "")
            if address:
                require_safe(address, self._base)

    def _get(self, address: str) -> dict[str, Any]:
        """One answer; asked again, a little later each time, when the server is busy or away."""
        for n in range(_TRIES):
            last = n == _TRIES - 1
            try:
                token = self._auth.token(self._http, self._base)
                answer = self._http.get(address, headers={"Authorization": f"Bearer {token}", "Accept": _TYPE})
            except httpx.TransportError as err:
                if last:
                    raise UnavailableError("the server does not answer") from err
                self._wait(2.0**n)
                continue
            if answer.status_code not in {429, 502, 503, 504} or last:
                return _body(answer)
            self._wait(_asked_to_wait(answer, 2.0**n))
        raise AssertionError("the last try returns or raises")


def _is(entry: dict[str, Any], kind: str) -> bool:
    matched = entry.get("search", {}).get("mode", "match") == "match"
    return bool(matched and entry["resource"]["resourceType"] == kind)


def _body(answer: httpx.Response) -> dict[str, Any]:
    """Raises the error that the server's OperationOutcome tells."""
    try:
        body = json.loads(answer.content, parse_float=Decimal)
        if not isinstance(body, dict):
            raise ValueError("no object")  # noqa: TRY004 (it is what the bytes are)
    except ValueError as err:
        if answer.status_code >= 500 or answer.status_code == 429:
            raise UnavailableError(f"the server answers {answer.status_code}") from err
        raise MalformedError("the server's answer is no FHIR") from err
    if answer.status_code == 200:
        return body
    told = "; ".join(str(i.get("diagnostics") or i.get("code")) for i in body.get("issue", []) if isinstance(i, dict))
    if answer.status_code >= 500 or answer.status_code == 429:
        raise UnavailableError(f"the server answers {answer.status_code}: {told}")
    raise _CODES.get(answer.status_code, RefusedError)(f"the server answers {answer.status_code}: {told}")


def _asked_to_wait(answer: httpx.Response, otherwise: float) -> float:
    text = answer.headers.get("Retry-After", "")
    return min(60.0, float(text)) if text.isdigit() else otherwise


def _instant(when: datetime) -> str:
    if when.tzinfo is None:
        raise RefusedError("a date carries its zone: datetime(2026, 3, 1, tzinfo=UTC)")
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def _shown(progress: Progress | bool) -> Iterator[Progress | None]:
    if not isinstance(progress, bool):
        yield progress
        return
    if not progress:
        yield None
        return
    from rich.progress import Progress as Bar

    with Bar(transient=True) as bar:
        task = bar.add_task("readings", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
