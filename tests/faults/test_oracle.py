"""The oracle of these tests sees each way of losing something: otherwise their silence would say nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from egide.things.outbox import Item, State
from egide.trust.cose import SoftwareSigner
from egide.trust.envelope import Clock, Envelope, leaf_hash, sign_readings
from tests.support.crowd import glucose
from tests.support.oracle import Stored, require_kept

LOG = "urn:uuid:6fa459ea-ee8a-4ca4-894e-db77e160355e"
SIGNER = SoftwareSigner(ed25519.Ed25519PrivateKey.from_private_bytes(b"o" * 32))


def signed(seq: int) -> bytes:
    return sign_readings(
        glucose(1_800_000_000_000, 90 + seq), signer=SIGNER, certificate=bytes(32), object_id=LOG[9:],
        pairing_id=LOG[9:], iat=1_800_000_000, cti=seq.to_bytes(16, "big"), seq=seq, clock=Clock(bytes(8), seq, True),
    )  # fmt: skip


ENVELOPES = [signed(seq) for seq in range(4)]
ITEMS = [
    Item(
        id=n, digest=hashlib.sha256(data).digest(), state=State.RECEIPTED, seq=n, envelope=data, added_ms=0, log=LOG,
        leaf=n,
    )
    for n, data in enumerate(ENVELOPES)
]  # fmt: skip
ROWS = [Stored(Envelope.parse(data).identity, LOG, n, leaf_hash(data)) for n, data in enumerate(ENVELOPES)]


def test_what_is_as_promised_passes() -> None:
    """Receipted and stored; waiting, stored or not yet; dead and not stored."""
    require_kept(ROWS, ITEMS)
    require_kept(ROWS, [replace(ITEMS[0], state=State.WAITING), *ITEMS[1:]])
    require_kept(ROWS[1:], [replace(ITEMS[0], state=State.WAITING), *ITEMS[1:]])
    require_kept(ROWS[1:], [replace(ITEMS[0], state=State.DEAD), *ITEMS[1:]])


Change = Callable[[list[Stored], list[Item]], tuple[list[Stored], list[Item]]]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda rows, items: (rows[1:], items), id="a-receipted-one-is-gone"),
        pytest.param(lambda rows, items: ([*rows, replace(rows[0], index=9)], items), id="one-is-stored-twice"),
        pytest.param(lambda rows, items: ([replace(rows[0], index=9), *rows[1:]], items), id="at-another-leaf"),
        pytest.param(lambda rows, items: ([replace(rows[0], log="another"), *rows[1:]], items), id="in-another-log"),
        pytest.param(lambda rows, items: ([replace(rows[0], leaf=bytes(32)), *rows[1:]], items), id="another-leaf"),
        pytest.param(
            lambda rows, items: (rows, [replace(items[0], state=State.DEAD), *items[1:]]), id="refused-and-stored"
        ),
        pytest.param(lambda rows, items: (rows, items[1:]), id="stored-and-held-by-nobody"),
    ],
)
def test_each_departure_is_seen(change: Change) -> None:
    """Nothing lost, nothing twice, nothing elsewhere, nothing from nowhere."""
    with pytest.raises(AssertionError):
        require_kept(*change(ROWS, ITEMS))
