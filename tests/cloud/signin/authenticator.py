"""The passkey made of software that the attacks use too: one of them, so that both try the same."""

from __future__ import annotations

from egide.prove.authenticator import ORIGIN, Passkey, b64, unb64

__all__ = ["ORIGIN", "Passkey", "b64", "unb64"]
