"""How a factor is refused. Which part was wrong is never said: who guesses learns nothing."""

from __future__ import annotations

from egide.errors import RefusedError, TooManyTriesError

__all__ = ["FactorError", "RecoveryError", "SlowDownError", "WaitingError"]


class FactorError(RefusedError):
    """The passkey, code or recovery code is not accepted (why is not said)."""

    code = "factor-refused"
    hint = "try again, or use another of your factors; the desk can help who lost all of them"


class SlowDownError(TooManyTriesError):
    """Too many wrong codes from here. Browsers that signed in before, and passkeys, are not held up."""

    hint = "wait a quarter of an hour, or use a passkey"


class RecoveryError(RefusedError):
    """This recovery cannot go on: another person is needed, or it was stopped."""

    code = "recovery-refused"
    hint = "a recovery is asked by one person at the desk, and approved by another"


class WaitingError(RecoveryError):
    """The waiting time of a recovery is not over."""

    code = "recovery-waiting"
    hint = "come back when the waiting time is over"
