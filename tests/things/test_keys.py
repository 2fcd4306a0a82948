"""Where an object's key is: a file for its owner alone, or a token."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from egide.errors import ConfigError, KeyMissingError, SignatureError
from egide.things.folder import Token
from egide.things.keys import FileSigner, TokenSigner
from egide.trust.cose import EDDSA, ES256

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.mark.parametrize(("kind", "alg"), [("p256", ES256), ("ed25519", EDDSA)])
def test_a_key_is_made_kept_and_signs(tmp_path: Path, kind: str, alg: int) -> None:
    """Mode 0600, PKCS#8, the same at each start; what it signs verifies with its public key, and only so."""
    path = tmp_path / "key.pem"
    made, again = FileSigner.create(path, kind=kind), FileSigner(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----")
    assert (again.alg, again.public_key.spki) == (alg, made.public_key.spki)
    again.public_key.verify(alg, again.sign(b"message"), b"message")
    with pytest.raises(SignatureError):
        again.public_key.verify(alg, again.sign(b"message"), b"another")


def test_a_key_that_is_there_is_never_replaced(tmp_path: Path) -> None:
    """Enrolling twice keeps the first key: its numbers belong to it."""
    path = tmp_path / "key.pem"
    first = FileSigner.create(path)
    assert FileSigner.create(path, kind="ed25519").public_key.spki == first.public_key.spki


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_key_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    """Whoever can read the file could be the object."""
    path = tmp_path / "key.pem"
    FileSigner.create(path)
    path.chmod(mode)
    with pytest.raises(KeyMissingError):
        FileSigner(path)


@pytest.mark.parametrize("content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\n"])
def test_a_file_that_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """With our error, whatever is in it."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(KeyMissingError):
        FileSigner(path)


def test_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    """P-256 and Ed25519, nothing else."""
    with pytest.raises(ConfigError):
        FileSigner.create(tmp_path / "key.pem", kind="rsa")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Token:
    """A SoftHSM token of this test's own."""
    if not SOFTHSM.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("softhsm2 is not installed (Debian: softhsm2)")
    pytest.importorskip("pkcs11")
    tokens = tmp_path / "tokens"
    tokens.mkdir()
    (tmp_path / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    label = "egide-test"
    subprocess.run(
        ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", "1234", "--so-pin", "5678"],
        check=True, capture_output=True,
    )  # fmt: skip
    pin = tmp_path / "pin"
    pin.write_text("1234\n")
    pin.chmod(0o600)
    import pkcs11

    pkcs11.lib(str(SOFTHSM)).reinitialize()
    return Token(module=str(SOFTHSM), token=label, label="object", pin_file=str(pin))


def test_a_token_signs_as_a_file_does(token: Token) -> None:
    """The signature verifies, in its canonical form, as often as asked; the key is the same at each start."""
    made = token.signer(create=True)
    again = token.signer()
    assert again.public_key.spki == made.public_key.spki
    for n in range(20):
        again.public_key.verify(ES256, again.sign(b"%d" % n), b"%d" % n)
    made.close()
    again.close()


def test_software_that_plays_a_token_is_not_secure_hardware(token: Token) -> None:
    """SoftHSM keeps keys in files: it never raises a trust level."""
    signer = token.signer(create=True)
    assert signer.secure_hardware is False
    signer.close()


def test_a_token_does_not_give_its_key_out(token: Token) -> None:
    """The private key is sensitive and cannot be extracted."""
    import pkcs11

    signer = token.signer(create=True)
    private = signer._private
    assert private[pkcs11.Attribute.EXTRACTABLE] is False
    with pytest.raises(pkcs11.PKCS11Error):
        private[pkcs11.Attribute.VALUE]
    signer.close()


def test_a_wrong_pin_an_absent_key_and_an_open_pin_file_are_said(token: Token, tmp_path: Path) -> None:
    """Each is our error, with its hint, never the library's."""
    wrong = tmp_path / "wrong"
    wrong.write_text("9999")
    wrong.chmod(0o600)

    def opened(label: str, pin: Path) -> TokenSigner:
        return TokenSigner(module=SOFTHSM, token=token.token, label=label, pin_file=pin)

    with pytest.raises(KeyMissingError):
        opened("object", wrong)
    with pytest.raises(KeyMissingError):
        opened("nothing", Path(token.pin_file))
    Path(token.pin_file).chmod(0o644)
    with pytest.raises(KeyMissingError):
        opened("object", Path(token.pin_file))
