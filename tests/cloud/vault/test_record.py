"""The record that is sealed is assembled by hand: it is the encoder's own output, for every value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from egide import cbor
from egide.cloud.vault.sealing import RECORD_VERSION, record_bytes

TIMES = st.integers(-(2**53), 2**53)
DOUBTS = st.dictionaries(
    st.integers(0, 63), st.dictionaries(st.integers(-1, 4_000), st.sampled_from(["range", "unit"])), max_size=3
)


@given(
    entry=st.binary(max_size=700), correction_ms=TIMES, received_ms=st.integers(0, 2**53),
    flags=st.integers(0, 255), trust=st.integers(1, 5), doubts=DOUBTS,
)  # fmt: skip
def test_a_record_is_what_the_encoder_writes(
    entry: bytes, correction_ms: int, received_ms: int, flags: int, trust: int, doubts: dict[int, dict[int, str]]
) -> None:
    """[version, entry, correction_ms, received_ms, flags, trust, doubts], in its shortest form."""
    record = record_bytes(
        entry, correction_ms=correction_ms, received_ms=received_ms, flags=flags, trust=trust, doubts=doubts
    )
    assert record == cbor.encode([RECORD_VERSION, entry, correction_ms, received_ms, flags, trust, doubts])
