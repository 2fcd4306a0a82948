"""A record as a person takes it away: tables for machines, a document to read, and how to check both.

Pure over what was released: no database, no clock. The FHIR part is made above (fhir/portability.py).
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final

from django.utils import formats, timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from egide.cloud.governance.typesetting import set_document
from egide.cloud.release.door import Column
from egide.measure.catalogue import CATALOGUE, names

__all__ = ["Series", "proof_name", "readme", "record_pdf", "series_of", "tables"]

_LATEST: Final = 20  # values of one metric that the document shows
_HEAD: Final = (
    "time_utc", "value", "unit", "trust_level", "flags", "doubt", "object", "entry", "position", "index",
    "corrected_by_ms", "received_utc", "proof",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """All that was measured of one metric in one unit, in the order of time."""

    code: str
    unit: str
    columns: tuple[Column, ...]

    def values(self) -> Iterator[tuple[int, Decimal, Column, int]]:
        """(time, value, its column, its place there)."""
        for column in self.columns:
            for at, ms in enumerate(column.times_ms):
                yield ms, Decimal(column.values[at]).scaleb(column.exponent), column, at


def series_of(columns: Sequence[Column]) -> list[Series]:
    """Grouped by metric and unit, in the order of their names."""
    groups: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        groups.setdefault((column.code, column.unit), []).append(column)
    return [Series(code=code, unit=unit, columns=tuple(cs)) for (code, unit), cs in sorted(groups.items())]


def proof_name(entry: int) -> str:
    """Where the proof of an entry lies in the file."""
    return f"proofs/{entry >> 40}-{entry & (1 << 40) - 1}.cbor"


def tables(found: Sequence[Series], proved: frozenset[int]) -> Iterator[tuple[str, bytes]]:
    """(name, content) of one CSV per metric and unit: every value, exactly as signed, with all that is known of it."""
    for series in found:
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(_HEAD)
        for ms, value, column, at in series.values():
            writer.writerow(
                (
                    _utc(ms), format(value, "f"), series.unit, column.trust, " ".join(sorted(column.flags)),
                    column.doubts.get(at, ""), column.object_id, column.entry, column.position, column.first + at,
                    column.correction_ms, _utc(column.received_ms),
                    proof_name(column.entry) if column.entry in proved else "",
                )
            )  # fmt: skip
        yield f"data/{_slug(series)}.csv", out.getvalue().encode()


def record_pdf(found: Sequence[Series], *, name: str, lang: str, now_ms: int, proofs: int) -> bytes:
    """The document to read: what was measured, its latest values, and what is beside it. In French or English."""
    with translation.override(lang):
        return set_document("record", _record(found, name, lang, now_ms, proofs), lang=lang, now_ms=now_ms)


def readme(*, lang: str, name: str, proofs: int, waiting: int, now_ms: int) -> bytes:
    """What is in the file, and how to check it with no help of ours."""
    with translation.override(lang):
        parts = [
            _("Your measurements, as you may take them anywhere"),
            _("Made for %(name)s on %(day)s.") % {"name": name, "day": _moment(now_ms)},
            _("record.fr.pdf, record.en.pdf: to read."),
            _("fhir/bundle.json: for another health service (HL7 FHIR R4, a collection)."),
            _("data/: one table (CSV) per kind of measurement, every value as the object signed it."),
            _("proofs/: one file per message of an object. It holds what was signed, its receipt, the checkpoint."),
            _("anchors.toml: whom the proofs lead to. Compare it with the one you were given when you enrolled."),
            _("To check a proof on your own computer, with no network: install egide, then run"),
            "    egide verify proofs/" + _("NAME") + ".cbor --trust anchors.toml",
            _("It proves what the object signed, when the register received it, and that nothing changed since."),
            _("It does not prove that a measurement is right, nor who wore the object."),
        ]
        if waiting:
            parts.append(
                ngettext(
                    "%(n)d message is too recent to have its proof: ask for this file again in a minute.",
                    "%(n)d messages are too recent to have their proof: ask for this file again in a minute.",
                    waiting,
                )
                % {"n": waiting}
            )
        if not proofs:
            parts.append(_("There is no measurement yet, so there is no proof."))
        parts.append(_("This file holds health data. Keep it where nobody else reads it."))
        return "\r\n\r\n".join(parts).encode() + b"\r\n"


def _record(found: Sequence[Series], name: str, lang: str, now_ms: int, proofs: int) -> dict[str, Any]:
    objects = {column.object_id for series in found for column in series.columns}
    times = [ms for series in found for column in series.columns for ms in (column.times_ms[0], column.times_ms[-1])]
    period = _("%(first)s to %(last)s") % {"first": _day(min(times)), "last": _day(max(times))} if times else "–"
    facts = [
        [_("Patient:"), name], [_("Made on:"), _moment(now_ms)], [_("Period:"), period],
        [_("Objects:"), str(len(objects))],
    ]  # fmt: skip
    return {
        "title": _("My measurements"),
        "author": "Egide",
        "description": _("A copy of a person's own measurements, for them."),
        "foot": _("Egide · a copy for the person concerned"),
        "facts": facts,
        "lead": [
            _(
                "This is a copy of what your objects sent, as they sent it. It says nothing of your health: only a"
                " professional can."
            ),
            _("Every value, and not only the latest, is in the folder “data” beside this document."),
        ],
        "empty": _("Nothing has been measured yet."),
        "head": [_("When"), _("Value"), _("Confidence"), _("Remarks")],
        "metrics": [_metric(series, lang) for series in found],
        "proof_title": _("Why should I trust this?"),
        "proof": [
            ngettext(
                "%(n)d message was signed by an object when it measured, and entered in a register that cannot be"
                " rewritten unseen.",
                "%(n)d messages were signed by an object when it measured, and entered in a register that cannot be"
                " rewritten unseen.",
                proofs,
            )
            % {"n": proofs},
            _("Each has its proof in the folder “proofs”. The file README says how to check them without us."),
        ],
    }


def _metric(series: Series, lang: str) -> dict[str, Any]:
    values = list(series.values())
    latest = sorted(values, key=lambda v: v[0])[-_LATEST:][::-1]
    known = CATALOGUE.get(series.code)
    wave = known is not None and known.kind == "waveform"
    count = ngettext("%(n)s value", "%(n)s values", len(values)) % {"n": formats.localize(len(values))}
    first, last = min(v[0] for v in values), max(v[0] for v in values)
    rows = [] if wave else [_row(value, series, lang) for value in latest]
    more = ""
    if wave:
        more = _("A curve is not printed value by value: it is in the folder “data”.")
    elif len(values) > _LATEST:
        more = _("The %(n)d latest are shown.") % {"n": _LATEST}
    return {
        "name": names(series.code, "fr" if lang == "fr" else "en"),
        "summary": _("%(count)s, from %(first)s to %(last)s")
        % {"count": count, "first": _day(first), "last": _day(last)},
        "rows": rows,
        "more": more,
    }


def _row(value: tuple[int, Decimal, Column, int], series: Series, lang: str) -> list[str]:
    ms, number, column, at = value
    remarks = sorted(_flag(flag) for flag in column.flags)
    if column.doubts.get(at):
        remarks.append(_("to be checked"))
    known = CATALOGUE.get(series.code)
    state = known.states.get(int(number)) if known and known.states and number == number.to_integral_value() else None
    shown = f"{_number(number)}\u202f{_unit(series.unit)}"
    if state is not None:
        shown = state[0] if lang == "fr" else state[1]
    return [_moment(ms), shown, _trust(column.trust), ", ".join(remarks)]


def _trust(level: int) -> str:
    said = {
        1: _("entered by hand"), 2: _("attested by a system"), 3: _("attested by a gateway"),
        4: _("signed by the object"), 5: _("signed in secure hardware"),
    }  # fmt: skip
    return _("%(level)d of 5, %(words)s") % {"level": level, "words": said.get(level, "")}


def _flag(flag: str) -> str:
    said = {
        "contested": _("contested"), "late": _("arrived late"), "clock": _("the object's clock was off"),
        "held": _("waiting to be attributed"),
    }  # fmt: skip
    return said.get(flag, flag)


def _number(value: Decimal) -> str:
    text = format(value, "f")
    return text.replace(".", ",") if (translation.get_language() or "").startswith("fr") else text


def _unit(ucum: str) -> str:
    return {"mm[Hg]": "mmHg", "Cel": "°C", "[degF]": "°F", "/min": "/min", "{steps}": ""}.get(
        ucum, re.sub(r"[{\[][^}\]]*[}\]]", "", ucum)
    )


def _slug(series: Series) -> str:
    known = CATALOGUE.get(series.code)
    name = known.key if known else series.code
    return re.sub(r"[^A-Za-z0-9]+", "-", f"{name} {series.unit}").strip("-").lower()


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _here(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, tz=UTC).astimezone(timezone.get_current_timezone())


def _day(ms: int) -> str:
    return formats.date_format(_here(ms), "j F Y")


def _moment(ms: int) -> str:
    return formats.date_format(_here(ms), "j F Y, H:i")
