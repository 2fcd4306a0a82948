"""Renewal: the same keys under new dates, before the old ones end; who pinned the root goes on."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from django.conf import settings

from egide.cloud.config.initialise import ISSUING_DAYS, LEAF_DAYS, ROOT_DAYS, make_keys
from egide.cloud.config.objects_server import tls_context
from egide.cloud.config.renewal import DAY_MS, RENEW_MS, renew, shown
from egide.cloud.options import Options
from egide.errors import KeyMissingError, StorageError
from tests.support.thing import NOW

#: The servers' certificate begins a day before the platform is made.
SERVER_END = NOW + (LEAF_DAYS - 1) * DAY_MS


@pytest.fixture
def options(tmp_path: Path) -> Options:
    made: Options = replace(settings.OPTIONS, data=tmp_path / "data", keys=tmp_path / "keys")
    make_keys(made, now_ms=NOW)
    return made


def chain(options: Options, name: str) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((options.keys / name).read_bytes())


def files(options: Options) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in options.keys.iterdir()}


def until_ms(certificate: x509.Certificate) -> int:
    return int(certificate.not_valid_after_utc.timestamp()) * 1000


def test_nothing_is_renewed_before_its_time(options: Options) -> None:
    """Until thirty days before its end, to the millisecond; nor a second time."""
    before, seen = files(options), shown(options)
    for at_ms in (NOW, SERVER_END - RENEW_MS):
        assert renew(options, now_ms=at_ms) == []
    assert files(options) == before
    (one,) = renew(options, now_ms=SERVER_END - RENEW_MS + 1)
    assert one.name == "tls.pem"
    assert shown(options) != seen
    assert renew(options, now_ms=SERVER_END - RENEW_MS + 1) == []


def test_a_renewed_server_keeps_its_key_and_names_and_chains_to_the_root(options: Options) -> None:
    """Whole life again; mode 0600; nothing else of the folder changes, and nothing is left beside it."""
    before, (old, _) = files(options), chain(options, "tls.pem")
    (one,) = renew(options, now_ms=SERVER_END - 1)
    (new, issuing), (root,) = chain(options, "tls.pem"), chain(options, "ca-root.pem")
    new.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert new.public_key() == old.public_key()
    names = [c.extensions.get_extension_for_class(x509.SubjectAlternativeName).value for c in (old, new)]
    assert names[0] == names[1]
    assert new.serial_number != old.serial_number
    assert until_ms(new) == one.until_ms == SERVER_END - 1000 + (LEAF_DAYS - 1) * DAY_MS
    assert stat.S_IMODE((options.keys / "tls.pem").stat().st_mode) == 0o600
    after = files(options)
    assert {name for name in after if after[name] != before.get(name)} == {"tls.pem"}
    assert after.keys() == before.keys()
    tls_context(options)


def test_a_settings_new_name_is_in_the_next_certificate(options: Options) -> None:
    """Whoever changed `public_host` renews everything."""
    renew(replace(options, public_host="egide.example"), now_ms=NOW + DAY_MS, everything=True)
    names = chain(options, "tls.pem")[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["egide.example", "localhost"]


def test_a_renewed_issuing_ca_stands_where_the_old_one_stood(options: Options) -> None:
    """The same key, name and beginning, so what it issued before chains to it; renewed while a server fits in it."""
    (old,), (leaf, _) = chain(options, "ca-issuing.pem"), chain(options, "tls.pem")
    at_ms = NOW + (ISSUING_DAYS - LEAF_DAYS) * DAY_MS
    assert [one.name for one in renew(options, now_ms=at_ms)] == ["ca-issuing.pem", "tls.pem"]
    (new,), (root,) = chain(options, "ca-issuing.pem"), chain(options, "ca-root.pem")
    new.verify_directly_issued_by(root)
    leaf.verify_directly_issued_by(new)
    assert (new.subject, new.public_key(), new.not_valid_before_utc) == (
        old.subject, old.public_key(), old.not_valid_before_utc,
    )  # fmt: skip
    assert until_ms(new) > until_ms(old)
    assert chain(options, "tls.pem")[1] == new
    tls_context(options)


def test_nothing_outlives_the_root(options: Options) -> None:
    """Near its end, what is renewed ends with it; then there is nothing to win, and nothing is written."""
    late = NOW + (ROOT_DAYS - 100) * DAY_MS
    renew(options, now_ms=NOW + (ISSUING_DAYS - 100) * DAY_MS)
    assert renew(options, now_ms=late)
    (root,) = chain(options, "ca-root.pem")
    assert until_ms(chain(options, "tls.pem")[0]) <= until_ms(chain(options, "ca-issuing.pem")[0]) <= until_ms(root)
    before = files(options)
    assert renew(options, now_ms=late + DAY_MS) == []
    assert files(options) == before


def test_a_roots_key_that_is_kept_elsewhere_stops_no_server(options: Options) -> None:
    """The issuing CA stays as it is; the servers' certificate is renewed within its life."""
    (options.keys / "ca-root.key").unlink()
    assert [one.name for one in renew(options, now_ms=NOW + DAY_MS, everything=True)] == ["tls.pem"]


@pytest.mark.parametrize(
    ("name", "data"),
    [("tls.pem", b"junk"), ("tls.key", b"junk"), ("ca-issuing.key", None), ("ca-root.pem", None)],
)
def test_what_is_missing_is_named_and_nothing_changes(options: Options, name: str, data: bytes | None) -> None:
    """A certificate or a key that is not there, or is none."""
    (options.keys / name).unlink()
    if data is not None:
        (options.keys / name).touch(mode=0o600)
        (options.keys / name).write_bytes(data)
    (options.keys / "ca-root.key").unlink()
    before = files(options)
    with pytest.raises(KeyMissingError, match=name.replace(".", r"\.")):
        renew(options, now_ms=NOW, everything=True)
    assert files(options) == before


def test_a_key_of_another_kind_is_refused(options: Options) -> None:
    """The platform's own is Ed25519."""
    (options.keys / "tls.key").write_bytes((options.keys / "platform.key").read_bytes())
    with pytest.raises(KeyMissingError, match="P-256"):
        renew(options, now_ms=NOW + DAY_MS, everything=True)


def test_what_a_killed_renewal_left_is_written_over(options: Options) -> None:
    """Its unfinished file; the certificate that stands is whole until then."""
    (options.keys / "tls.pem.new").write_bytes(b"half")
    assert renew(options, now_ms=SERVER_END)
    assert "tls.pem.new" not in files(options)


def test_a_folder_that_refuses_is_said(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old certificate stands."""
    before = (options.keys / "tls.pem").read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "full")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError):
        renew(options, now_ms=SERVER_END)
    assert (options.keys / "tls.pem").read_bytes() == before
