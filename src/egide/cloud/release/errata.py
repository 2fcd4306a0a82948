"""What a record held in error, for those who may read it: which metric and when, struck through, without a value.

The values are in the record that they belong to. Restrictions hide an erratum as they hid the reading.
"""

from __future__ import annotations

from egide.cloud.register.store import leaves_at
from egide.cloud.release.door import Answer, Column, flag_names
from egide.cloud.release.scope import keys_open
from egide.cloud.release.sight import see
from egide.cloud.vault.models import Envelope
from egide.cloud.vault.opening import Vault
from egide.cloud.vault.owning import errata_of as rows_in_error
from egide.measure.readings import decode_readings

__all__ = ["errata_of"]


def errata_of(answer: Answer) -> list[Column]:
    """Columns without values, in the order of time, of what was asked: entered in error."""
    ask, decision = answer.ask, answer.decision
    patient = ask.patient.pk
    rows = rows_in_error(patient, keys_open(patient, ask.reader, decision))
    rows = rows.filter(last_ms__gte=ask.since_ms, first_ms__lt=ask.until_ms).select_related("pairing")
    if ask.entry is not None:
        rows = rows.filter(entry=ask.entry)
    found = list(rows.order_by("data_key_id", "step"))
    if not found:
        return []
    envelopes = {row.entry: row for row in Envelope.objects.filter(entry__in={row.entry for row in found})}
    leaves = leaves_at(envelopes)
    vault, columns = Vault(patient), []
    for row in found:
        if row.entry not in leaves:  # its envelope is gone, which fsck says: nothing can be told of it here
            continue
        opened = vault.open_erratum(row, leaves[row.entry])
        readings = decode_readings(opened.readings)
        shift = readings.t0_ms + opened.correction_ms
        for seen in see(readings, shift, decision, {}, now_ms=row.received_ms):
            kept = [n for n, t in enumerate(seen.times_ms) if ask.since_ms <= t < ask.until_ms]
            if not kept or (ask.codes and seen.series.code not in ask.codes):
                continue
            columns.append(Column(
                entry=row.entry, position=seen.position, code=seen.series.code, unit=seen.series.unit, exponent=0,
                times_ms=tuple(seen.times_ms[n] for n in kept), correction_ms=opened.correction_ms, values=(),
                trust=opened.trust, flags=flag_names(0), object_id=str(row.pairing.object_id),
                pairing_id=str(row.pairing.uuid), received_ms=row.received_ms, first=kept[0],
            ))  # fmt: skip
    columns.sort(key=lambda c: (c.times_ms[0], c.entry, c.position))
    return columns
