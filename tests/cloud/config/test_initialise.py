"""Making a platform out of two empty folders: complete, private, and never over what exists."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from django.conf import settings
from django.core.management import call_command
from django.db.utils import OperationalError

from egide.cloud.config import initialise
from egide.cloud.config.initialise import ensure_platform, make_keys, write_key
from egide.cloud.options import Options
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Log, Statement
from egide.errors import ConfigError, StorageError
from tests.support.thing import NOW, forget


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Options:
    made: Options = replace(settings.OPTIONS, data=tmp_path / "data", keys=tmp_path / "keys" / "deep")
    monkeypatch.setattr(settings, "OPTIONS", made)
    forget()
    return made


def content(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}


def test_keys_are_made_private_and_complete(options: Options) -> None:
    """Folder 0700, files 0600, even under a loose umask; each certificate chains to the root."""
    before = os.umask(0)
    try:
        make_keys(options, now_ms=NOW)
    finally:
        os.umask(before)
    assert stat.S_IMODE(options.keys.stat().st_mode) == 0o700
    for file in options.keys.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert set(content(options.keys)) == {
        "broker.json", "ca-issuing.key", "ca-issuing.pem", "ca-root.key", "ca-root.pem", "kek.json", "log-1.key",
        "platform.key", "platform.pem", "quarantine.key", "quarantine.pub", "tls.key", "tls.pem", "web.key",
    }  # fmt: skip
    root = x509.load_pem_x509_certificate((options.keys / "ca-root.pem").read_bytes())
    for name in ("platform.pem", "tls.pem"):
        leaf, issuing = x509.load_pem_x509_certificates((options.keys / name).read_bytes())
        leaf.verify_directly_issued_by(issuing)
        issuing.verify_directly_issued_by(root)


def test_no_two_platforms_share_a_key(options: Options, tmp_path: Path) -> None:
    """All is drawn anew."""
    other = replace(options, keys=tmp_path / "other")
    make_keys(options, now_ms=NOW)
    make_keys(other, now_ms=NOW)
    mine, theirs = content(options.keys), content(other.keys)
    assert mine.keys() == theirs.keys()
    assert all(mine[name] != theirs[name] for name in mine)


@pytest.mark.parametrize(
    ("host", "names", "addresses"),
    [
        ("localhost", ["localhost"], ["127.0.0.1", "::1"]),
        ("egide.example", ["egide.example", "localhost"], ["127.0.0.1", "::1"]),
        ("192.0.2.7", ["localhost"], ["127.0.0.1", "::1", "192.0.2.7"]),
    ],
)
def test_the_server_s_certificate_names_what_objects_reach(
    options: Options, host: str, names: list[str], addresses: list[str]
) -> None:
    """A name, or an address, beside the machine's own."""
    make_keys(replace(options, public_host=host), now_ms=NOW)
    leaf = x509.load_pem_x509_certificates((options.keys / "tls.pem").read_bytes())[0]
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert found.get_values_for_type(x509.DNSName) == names
    assert [str(a) for a in found.get_values_for_type(x509.IPAddress)] == addresses


def test_nothing_is_written_over_keys_that_exist(options: Options) -> None:
    """A folder that holds anything is left as it is, and the person is told."""
    make_keys(options, now_ms=NOW)
    before = content(options.keys)
    with pytest.raises(ConfigError):
        make_keys(options, now_ms=NOW)
    assert content(options.keys) == before
    with pytest.raises(StorageError):
        write_key(options.keys, "web.key", b"other")
    assert content(options.keys) == before


def test_making_keys_that_was_cut_short_is_noticed(options: Options) -> None:
    """kek.json is the last: a folder without it is not taken for a complete one."""
    make_keys(options, now_ms=NOW)
    (options.keys / "kek.json").unlink()
    with pytest.raises(ConfigError, match=r"kek\.json"):
        ensure_platform(options, now_ms=NOW)


@pytest.mark.parametrize("broken", ["data", "keys"])
def test_a_folder_that_cannot_be_made_is_said(options: Options, tmp_path: Path, broken: str) -> None:
    """Where a file stands, no folder can."""
    (tmp_path / "file").touch()
    folder: dict[str, Any] = {broken: tmp_path / "file" / "x"}
    with pytest.raises(StorageError):
        ensure_platform(replace(options, **folder), now_ms=NOW)


def test_a_platform_is_made_once(options: Options, db: None) -> None:
    """Keys, tables, and a register that begins with its genesis; the second time, nothing changes."""
    said: list[str] = []
    ensure_platform(options, now_ms=NOW, say=said.append)
    assert said == ["making keys", "opening the register"]
    log = Log.objects.get()
    assert (log.pk, log.size) == (1, 1)
    assert open_statement(Statement.objects.get()).kind == "genesis"
    keys = content(options.keys)
    ensure_platform(options, now_ms=NOW + 1, say=said.append)
    assert len(said) == 2
    assert (content(options.keys), Log.objects.count()) == (keys, 1)
    assert not list(options.data.iterdir()) or not (options.data / ".writable").exists()


def test_no_keys_are_made_over_data(options: Options) -> None:
    """Data whose keys are lost cannot be opened by new ones: the person must put them back."""
    options.data.mkdir()
    (options.data / "egide.sqlite3").touch()
    with pytest.raises(ConfigError, match="no key file"):
        ensure_platform(options, now_ms=NOW)
    assert not options.keys.exists()


def test_a_database_that_does_not_open_is_said(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a failure of storage, without what the driver said."""

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("host secret-host refused")

    monkeypatch.setattr("django.core.management.call_command", fail)
    with pytest.raises(StorageError) as failed:
        initialise._migrate()
    assert "secret-host" not in str(failed.value)
    assert callable(call_command)
