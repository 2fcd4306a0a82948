"""Sealing: what opens, what does not, and that anyone who has read RFC 9180 opens it too."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from egide.errors import SealError
from egide.trust.seal import (
    MAX_STEPS,
    Chain,
    ChainReader,
    Suite,
    derive_pair,
    open_sealed,
    open_with_key,
    record_aad,
    seal_to,
    seal_with_key,
    seed_bytes,
)

SEEDS = {suite: bytes(range(seed_bytes(suite))) for suite in Suite}
ROOT = bytes(range(32))
suites = pytest.mark.parametrize("suite", list(Suite), ids=lambda s: s.name.lower())


# HPKE base mode by hand, from RFC 9180 sections 4.1 and 5.1: HMAC, X25519 and AES-GCM only.


def _extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite_id + label + ikm, "sha256")


def _expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    told = length.to_bytes(2, "big") + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(prk, told + b"\x01", "sha256")[:length]


def open_by_hand(private: bytes, sealed: bytes, info: bytes, *, aead: int, key_bytes: int, aad: bytes = b"") -> bytes:
    """Open enc || ciphertext: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-GCM (aead 1: 128 bits, 2: 256 bits)."""
    enc, ciphertext = sealed[:32], sealed[32:]
    key = X25519PrivateKey.from_private_bytes(private)
    kem = b"KEM" + b"\x00\x20"
    prk = _extract(kem, b"", b"eae_prk", key.exchange(X25519PublicKey.from_public_bytes(enc)))
    shared = _expand(kem, prk, b"shared_secret", enc + key.public_key().public_bytes_raw(), 32)
    suite_id = b"HPKE" + b"\x00\x20" + b"\x00\x01" + aead.to_bytes(2, "big")
    context = b"\x00" + _extract(suite_id, b"", b"psk_id_hash", b"") + _extract(suite_id, b"", b"info_hash", info)
    secret = _extract(suite_id, shared, b"secret", b"")
    message_key = _expand(suite_id, secret, b"key", context, key_bytes)
    nonce = _expand(suite_id, secret, b"base_nonce", context, 12)
    return AESGCM(message_key).decrypt(nonce, ciphertext, aad)


def test_the_hand_written_reader_opens_the_rfc_s_own_example() -> None:
    """RFC 9180, A.1.1.1: so that what it says of ours is worth something."""
    sealed = bytes.fromhex(
        "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431"
        "f938558b5d72f1a23810b4be2ab4f84331acc02fc97babc53a52ae8218a355a96d8770ac83d07bea87e13c512a"
    )
    private = bytes.fromhex("4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8")
    opened = open_by_hand(private, sealed, b"Ode on a Grecian Urn", aead=1, key_bytes=16, aad=b"Count-0")
    assert opened == b"Beauty is truth, truth beauty"


@given(st.binary(max_size=300), st.binary(max_size=60))
def test_what_is_sealed_to_x25519_is_rfc_9180(plaintext: bytes, info: bytes) -> None:
    """A reader that shares no line with ours opens it: base mode, AES-256-GCM, enc first, no additional data."""
    seed = SEEDS[Suite.X25519]
    sealed = seal_to(Suite.X25519, derive_pair(Suite.X25519, seed), plaintext, info)
    assert open_by_hand(seed, sealed, info, aead=2, key_bytes=32) == plaintext
    with pytest.raises(InvalidTag):
        open_by_hand(seed, sealed, info + b"x", aead=2, key_bytes=32)


@suites
def test_the_private_half_opens_what_the_public_half_sealed(suite: Suite) -> None:
    """Each time with other bytes, for each sealing has a key of its own."""
    public = derive_pair(suite, SEEDS[suite])
    first, second = (seal_to(suite, public, b"36.50 Cel", b"info") for _ in range(2))
    assert first != second
    assert open_sealed(suite, SEEDS[suite], first, b"info") == b"36.50 Cel"
    assert open_sealed(suite, SEEDS[suite], second, b"info") == b"36.50 Cel"


@suites
def test_nothing_else_opens_it(suite: Suite) -> None:
    """Another key, another purpose, one changed bit, a byte less or more."""
    sealed = seal_to(suite, derive_pair(suite, SEEDS[suite]), b"36.50 Cel", b"info")
    other = bytes(b ^ 255 for b in SEEDS[suite])
    tries = [(other, sealed, b"info"), (SEEDS[suite], sealed, b"other"), (SEEDS[suite], b"", b"info")]
    for at in (0, len(sealed) // 2, len(sealed) - 1):
        changed = bytearray(sealed)
        changed[at] ^= 1
        tries.append((SEEDS[suite], bytes(changed), b"info"))
    tries += [(SEEDS[suite], sealed[:-1], b"info"), (SEEDS[suite], sealed + b"\0", b"info")]
    for seed, data, info in tries:
        with pytest.raises(SealError):
            open_sealed(suite, seed, data, info)


@suites
def test_a_key_of_another_length_is_refused(suite: Suite) -> None:
    """Before anything is sealed to nobody."""
    with pytest.raises(SealError):
        derive_pair(suite, SEEDS[suite][:-1])
    with pytest.raises(SealError):
        open_sealed(suite, SEEDS[suite] + b"\0", b"anything", b"")
    with pytest.raises(SealError):
        seal_to(suite, derive_pair(suite, SEEDS[suite])[:-1], b"x", b"")


def test_the_hybrid_needs_both_of_its_keys() -> None:
    """The ML-KEM half alone, or the X25519 half alone, opens nothing: whichever problem falls, the other holds."""
    suite, seed = Suite.MLKEM768_X25519, SEEDS[Suite.MLKEM768_X25519]
    sealed = seal_to(suite, derive_pair(suite, seed), b"x", b"")
    for wrong in (bytes(64) + seed[64:], seed[:64] + bytes(range(1, 33))):
        with pytest.raises(SealError):
            open_sealed(suite, wrong, sealed, b"")


def test_a_key_seals_with_its_context() -> None:
    """nonce || AES-256-GCM; another key, context or length does not open, and a key of no known length is refused."""
    key, nonce = bytes(32), bytes(12)
    sealed = seal_with_key(key, nonce, b"name", b"row 1")
    assert sealed[:12] == nonce
    assert AESGCM(key).decrypt(nonce, sealed[12:], b"row 1") == b"name"
    assert open_with_key(key, sealed, b"row 1") == b"name"
    for wrong in ((b"\1" * 32, sealed, b"row 1"), (key, sealed, b"row 2"), (key, sealed[:11], b"row 1"),
                  (key, sealed[:-1], b"row 1"), (b"short", sealed, b"row 1")):  # fmt: skip
        with pytest.raises(SealError):
            open_with_key(*wrong)


def written(count: int) -> list[bytes]:
    """What a chain sealed: record n says n, and is bound to n."""
    chain = Chain(bytes(bytearray(ROOT)))
    records = []
    for n in range(count):
        step, sealed = chain.seal(b"%d" % n, nonce=bytes(12), aad=b"row %d" % n)
        assert step == n
        records.append(sealed)
    return records


RECORDS = written(40)


@given(st.lists(st.integers(0, 39), min_size=1, max_size=30))
def test_a_reader_opens_any_step_in_any_order(steps: list[int]) -> None:
    """Forward, back, twice."""
    reader = ChainReader(ROOT)
    for n in steps:
        assert reader.open(n, RECORDS[n], aad=b"row %d" % n) == b"%d" % n


@pytest.mark.parametrize("read", [
    pytest.param(lambda r: r.open(3, RECORDS[4], aad=b"row 4"), id="another-step"),
    pytest.param(lambda r: r.open(4, RECORDS[4], aad=b"row 3"), id="moved-to-another-row"),
    pytest.param(lambda r: r.open(-1, RECORDS[4], aad=b"row 4"), id="before-the-first"),
    pytest.param(lambda r: r.open(MAX_STEPS, RECORDS[4], aad=b"row 4"), id="beyond-the-last"),
    pytest.param(lambda _: ChainReader(bytes(32)).open(4, RECORDS[4], aad=b"row 4"), id="another-chain"),
])  # fmt: skip
def test_a_record_opens_at_its_step_and_in_its_row_only(read: Callable[[ChainReader], bytes]) -> None:
    """And a reader that failed still reads the rest."""
    reader = ChainReader(ROOT)
    with pytest.raises(SealError):
        read(reader)
    assert reader.open(39, RECORDS[39], aad=b"row 39") == b"39"


def test_a_chain_ends_after_its_last_step() -> None:
    """A writer starts another; nothing is sealed under a key that no reader would try."""
    chain = Chain(bytes(bytearray(ROOT)))
    for _ in range(MAX_STEPS):
        step, sealed = chain.seal(b"x", nonce=bytes(12), aad=b"")
    assert (step, chain.step) == (MAX_STEPS - 1, MAX_STEPS)
    assert ChainReader(ROOT).open(MAX_STEPS - 1, sealed, aad=b"") == b"x"
    with pytest.raises(SealError):
        chain.seal(b"x", nonce=bytes(12), aad=b"")


def test_a_writer_forgets_how_it_sealed() -> None:
    """What it holds after a step opens the steps to come, and none of those before; the root's bytes are wiped."""
    root = bytes(bytearray(ROOT))
    chain = Chain(root)
    _, past = chain.seal(b"past", nonce=bytes(12), aad=b"")
    held = bytes(bytearray(chain._link))
    _, coming = chain.seal(b"coming", nonce=bytes(12), aad=b"")
    thief = ChainReader(held)
    assert thief.open(0, coming, aad=b"") == b"coming"
    for step in range(8):
        with pytest.raises(SealError):
            thief.open(step, past, aad=b"")
    assert root == bytes(32)


def test_the_chain_is_what_the_page_says() -> None:
    """link[i+1] || key[i] = HMAC-SHA-512(link[i], label)."""
    link = ROOT
    for n in range(3):
        block = hmac.new(link, b"egide chain v1", hashlib.sha512).digest()
        assert AESGCM(block[32:]).decrypt(bytes(12), RECORDS[n][12:], b"row %d" % n) == b"%d" % n
        link = block[:32]


def test_a_record_is_bound_to_its_leaf_and_pairing() -> None:
    """Nobody can move a row to another patient or to another entry."""
    assert record_aad(b"L" * 32, b"P" * 16) == b"egide record v1" + b"L" * 32 + b"P" * 16
