"""This machine's raw Ed25519 verification rate, with PyNaCl: what intake is compared with."""

from __future__ import annotations

import os
import time
from typing import Final

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

__all__ = ["verification_rate"]

MESSAGE: Final = 300  # bytes: the Sig_structure of an envelope of 12 readings


def verification_rate(count: int = 2_000) -> float:
    """Verifications a second of this thread, over `count` of them."""
    public, secret = crypto_sign_seed_keypair(os.urandom(32))
    signed = crypto_sign(os.urandom(MESSAGE), secret)
    start = time.perf_counter()
    for _ in range(count):
        crypto_sign_open(signed, public)
    return count / (time.perf_counter() - start)
