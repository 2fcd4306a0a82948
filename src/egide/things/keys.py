"""The object's private key: a file that its owner alone can read, or a PKCS#11 token.

No object has a default or shared key: a key is made on the object, and never leaves it.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_public_key,
    load_pem_private_key,
)

from egide.errors import ConfigError, KeyMissingError, decoding
from egide.things.files import read_secret, write
from egide.trust.cose import ES256, PublicKey, SoftwareSigner

__all__ = ["FileSigner", "TokenSigner"]

_P256_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_P256_PREFIX: Final = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")


class FileSigner(SoftwareSigner):
    """A key in a file: PEM, PKCS#8, mode 0600."""

    secure_hardware: Final = False

    def __init__(self, path: Path) -> None:
        """Read the key at `path`.

        Raises:
            KeyMissingError: the file is absent, readable by others, or is not a P-256 or Ed25519 key.
        """
        data = read_secret(path)
        try:
            with decoding("the key file"):
                key = load_pem_private_key(data, password=None)
        except Exception as err:
            raise KeyMissingError(f"the file {path.name} is not a private key in PKCS#8 PEM") from err
        if not isinstance(key, ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey):
            raise KeyMissingError(f"the key in {path.name} is neither P-256 nor Ed25519")
        super().__init__(key)
        self.path = path

    @classmethod
    def create(cls, path: Path, *, kind: str = "p256") -> FileSigner:
        """Make a new key and keep it at `path`; `kind` is p256 or ed25519. An existing file is never
        replaced.

        Raises:
            ConfigError: another kind. StorageError: the file cannot be written.
        """
        if path.exists():
            return cls(path)
        match kind:
            case "p256":
                key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey = ec.generate_private_key(
                    ec.SECP256R1()
                )
            case "ed25519":
                key = ed25519.Ed25519PrivateKey.generate()
            case _:
                raise ConfigError("a key is p256 or ed25519")
        write(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return cls(path)


class TokenSigner:
    """A P-256 key in a PKCS#11 token (a secure element, a TPM, a smart card)."""

    alg: Final = ES256

    def __init__(self, *, module: Path, token: str, label: str, pin_file: Path) -> None:
        """Open the key named `label` in the token named `token`, through the library `module`.

        Raises:
            ConfigError: python-pkcs11 is not installed. KeyMissingError: no such library, token or key, or
                a wrong PIN.
        """
        self._place = (module, token)
        self._shared = _join(module, token, pin_file)
        try:
            self._private, spki = _key_pair(self._shared.session, label)
        except BaseException:
            _leave(*self._place)
            raise
        key = load_der_public_key(spki)
        if not isinstance(key, ec.EllipticCurvePublicKey):
            raise KeyMissingError("the token's key is not P-256")
        self.public_key = PublicKey(key)
        #: False for SoftHSM, which keeps its keys in files, and for a slot that does not say it is hardware
        self.secure_hardware: bool = _is_hardware(self._shared.session.token)

    @classmethod
    def create(cls, *, module: Path, token: str, label: str, pin_file: Path) -> TokenSigner:
        """Make a key that the token will not give out, unless `label` is there already; then open it."""
        shared = _join(module, token, pin_file)
        try:
            with shared.lock:
                _generate(shared.session, label)
        finally:
            _leave(module, token)
        return cls(module=module, token=token, label=label, pin_file=pin_file)

    def sign(self, message: bytes) -> bytes:
        """The COSE signature. Raises KeyMissingError when the token does not answer."""
        import pkcs11

        try:
            with self._shared.lock:
                signature: bytes = self._private.sign(
                    hashlib.sha256(message).digest(), mechanism=pkcs11.Mechanism.ECDSA
                )
        except pkcs11.PKCS11Error as err:
            raise KeyMissingError("the token does not sign: is it still there?") from err
        half = len(signature) // 2
        r, s = int.from_bytes(signature[:half], "big"), int.from_bytes(signature[half:], "big")
        return r.to_bytes(32, "big") + min(s, _P256_N - s).to_bytes(32, "big")

    def close(self) -> None:
        _leave(*self._place)


@dataclass(slots=True)
class _Shared:
    """A session that several keys of one token use: a process signs in to a token once."""

    session: Any
    users: int
    lock: threading.Lock


_sessions: dict[tuple[str, str], _Shared] = {}
_sessions_lock = threading.Lock()


def _join(module: Path, token: str, pin_file: Path) -> _Shared:
    """Raises ConfigError, KeyMissingError."""
    try:
        import pkcs11
    except ImportError as err:
        raise ConfigError("a PKCS#11 key needs the extra: pip install egide[pkcs11]") from err
    pin = read_secret(pin_file).decode("utf-8", "replace").strip()
    with _sessions_lock:
        shared = _sessions.get((str(module), token))
        if shared is None:
            try:
                session = pkcs11.lib(str(module)).get_token(token_label=token).open(user_pin=pin, rw=True)
            except (pkcs11.PKCS11Error, RuntimeError) as err:
                raise KeyMissingError("the PKCS#11 library, token or PIN is not the right one") from err
            shared = _sessions[str(module), token] = _Shared(session, 0, threading.Lock())
        shared.users += 1
    return shared


def _leave(module: Path, token: str) -> None:
    with _sessions_lock:
        shared = _sessions.get((str(module), token))
        if shared is not None:
            shared.users -= 1
            if shared.users == 0:
                del _sessions[str(module), token]
                shared.session.close()


def _generate(session: Any, label: str) -> None:
    import pkcs11
    from pkcs11.util.ec import encode_named_curve_parameters

    try:
        if list(
            session.get_objects(
                {pkcs11.Attribute.CLASS: pkcs11.ObjectClass.PRIVATE_KEY, pkcs11.Attribute.LABEL: label}
            )
        ):
            return
        curve = session.create_domain_parameters(
            pkcs11.KeyType.EC,
            {pkcs11.Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")},
            local=True,
        )
        curve.generate_keypair(
            store=True,
            label=label,
            private_template={pkcs11.Attribute.EXTRACTABLE: False, pkcs11.Attribute.SENSITIVE: True},
        )
    except pkcs11.PKCS11Error as err:
        raise KeyMissingError("the token cannot make a P-256 key") from err


def _key_pair(session: Any, label: str) -> tuple[Any, bytes]:
    import pkcs11

    try:
        private = session.get_key(pkcs11.ObjectClass.PRIVATE_KEY, label=label)
        public = session.get_key(pkcs11.ObjectClass.PUBLIC_KEY, label=label)
        point = bytes(public[pkcs11.Attribute.EC_POINT])
    except pkcs11.PKCS11Error as err:
        raise KeyMissingError("the token has no such key") from err
    if (
        len(point) == 67 and point[:2] == b"\x04\x41"
    ):  # an OCTET STRING around the point (PKCS#11 v2.40, 2.3.3)
        point = point[2:]
    if len(point) != 65 or point[0] != 4:
        raise KeyMissingError("the token's key is not P-256")
    return private, _P256_PREFIX + point


def _is_hardware(token: Any) -> bool:
    import pkcs11

    names = f"{token.manufacturer_id} {token.model}".lower()
    return "softhsm" not in names and bool(token.slot.flags & pkcs11.SlotFlag.HW_SLOT)
