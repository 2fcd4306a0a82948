"""Who can open what: the key-encryption key, sealed columns, blind indexes, and the key pairs of records."""

from __future__ import annotations

import base64
import json
import uuid
from pathlib import Path
from typing import Any

import pytest

from egide.cloud.keys.columns import blind_index, open_text, seal_text
from egide.cloud.keys.models import RecordKey
from egide.cloud.keys.provider import FileProvider, make_kek_file, provider
from egide.cloud.keys.records import ESTABLISHMENT, care_key, create_record_key, private_seed, seal_for
from egide.cloud.options import Options
from egide.errors import KeyMissingError, SealError
from egide.trust.seal import Suite, derive_pair, open_sealed
from tests.support.thing import NOW, forget

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
SUBJECT = uuid.UUID("6fa459ea-ee8a-4ca4-894e-db77e160355e")


def kek(tmp_path: Path, content: Any) -> FileProvider:
    file = tmp_path / "kek.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return FileProvider.read(file)


def epochs(current: int, **keys: bytes) -> dict[str, Any]:
    return {"current": current, "epochs": {k[1:]: base64.b64encode(v).decode() for k, v in keys.items()}}


def test_what_is_wrapped_is_unwrapped_in_its_place(tmp_path: Path) -> None:
    """By the same file, read again; not under another context, nor by another key."""
    keys = kek(tmp_path, make_kek_file(ONE).decode())
    wrapped = keys.wrap(b"seed", b"record 7")
    assert kek(tmp_path, make_kek_file(ONE).decode()).unwrap(1, wrapped, b"record 7") == b"seed"
    with pytest.raises(SealError):
        keys.unwrap(1, wrapped, b"record 8")
    with pytest.raises(SealError):
        kek(tmp_path, epochs(1, e1=TWO)).unwrap(1, wrapped, b"record 7")


def test_a_new_epoch_wraps_and_a_destroyed_one_opens_nothing(tmp_path: Path) -> None:
    """What was wrapped under epoch 1 opens while epoch 1 is kept, and never again after."""
    old = kek(tmp_path, epochs(1, e1=ONE)).wrap(b"seed", b"c")
    both = kek(tmp_path, epochs(2, e1=ONE, e2=TWO))
    new = both.wrap(b"seed", b"c")
    assert (both.unwrap(1, old, b"c"), both.unwrap(2, new, b"c")) == (b"seed", b"seed")
    with pytest.raises(SealError):
        both.unwrap(1, new, b"c")
    after = kek(tmp_path, epochs(2, e2=TWO))
    assert after.unwrap(2, new, b"c") == b"seed"
    with pytest.raises(SealError):
        after.unwrap(1, old, b"c")


def test_a_key_for_one_purpose_tells_nothing_of_another(tmp_path: Path) -> None:
    """Derived, 32 bytes, all different, and none is the key itself."""
    keys = kek(tmp_path, epochs(2, e1=ONE, e2=TWO))
    made = {keys.derive(epoch, purpose) for epoch in (1, 2) for purpose in (b"wrap", b"column", b"index a")}
    assert len(made | {ONE, TWO}) == 8
    assert {len(key) for key in made} == {32}


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="not-json"),
        pytest.param("[]", id="not-an-object"),
        pytest.param({"epochs": {}}, id="no-current"),
        pytest.param(epochs(2, e1=ONE), id="current-is-not-there"),
        pytest.param(epochs(1, e1=ONE[:31]), id="short-key"),
        pytest.param(epochs(1, e1=ONE, e2=b""), id="one-key-empty"),
        pytest.param({"current": 1, "epochs": {"1": "*"}}, id="not-base64"),
        pytest.param({"current": 1, "epochs": ["1"]}, id="epochs-is-a-list"),
        pytest.param({"current": None, "epochs": {}}, id="current-is-null"),
        pytest.param({"current": 1, "epochs": {"1": 7}}, id="key-is-a-number"),
    ],
)
def test_a_kek_file_of_another_form_is_refused(tmp_path: Path, content: Any) -> None:
    """It says which file, not what it holds."""
    with pytest.raises(KeyMissingError, match=r"kek\.json"):
        kek(tmp_path, content)


def test_a_kek_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """As a missing key, which has its own exit code and hint."""
    with pytest.raises(KeyMissingError):
        FileProvider.read(tmp_path / "nowhere.json")


def test_a_process_without_the_file_has_no_provider(
    opened_platform: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Intake's host may hold the keys folder without kek.json: everything that reads is then refused."""
    from dataclasses import replace

    from django.conf import settings

    monkeypatch.setattr(settings, "OPTIONS", replace(opened_platform, keys=tmp_path))
    forget()
    with pytest.raises(KeyMissingError):
        provider()
    with pytest.raises(KeyMissingError):
        seal_text("Alice", b"person")


@pytest.mark.parametrize("text", ["", "Alice Martin", "Zoë Lefèvre-Šimůnková", "x" * 1_000])
def test_a_sealed_column_opens_in_its_own_place(opened_platform: Options, text: str) -> None:
    """The right row reads it; another row, a cut or a changed byte does not."""
    sealed = seal_text(text, b"person 1")
    assert open_text(sealed, b"person 1") == text
    assert text == "" or text.encode() not in sealed
    for data, place in ((sealed, b"person 2"), (sealed[:-1], b"person 1"), (sealed[:1], b"person 1"),
                        (b"", b"person 1"), (sealed[:5] + b"\xff\xff" + sealed[7:], b"person 1"),
                        (b"\0\x09" + sealed[2:], b"person 1")):  # fmt: skip
        with pytest.raises(SealError):
            open_text(data, place)


def test_lengths_say_little(opened_platform: Options) -> None:
    """Names of one to thirty letters have the same length once sealed."""
    assert len({len(seal_text("n" * n, b"c")) for n in range(31)}) == 1


def test_the_same_text_is_never_sealed_twice_the_same(opened_platform: Options) -> None:
    """Equal names are not equal bytes."""
    assert seal_text("Alice", b"c") != seal_text("Alice", b"c")


def test_a_blind_index_finds_the_exact_text_however_written(opened_platform: Options) -> None:
    """Case, spaces around, and how accents are encoded do not matter; anything else does."""
    found = blind_index("Zoë Martin", "name")
    assert {blind_index(t, "name") for t in ("zoë martin", " ZOË MARTIN ", "Zoe\u0308 Martin")} == {found}
    others = {blind_index("Zoe Martin", "name"), blind_index("Zoë Martin", "phone"), blind_index("Zoë", "name")}
    assert len(others | {found}) == 4


def test_a_blind_index_says_nothing_without_the_key(
    opened_platform: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Another platform's index of the same name is another value: no table of names inverts both."""
    mine = blind_index("Alice Martin", "name")
    monkeypatch.setattr("egide.cloud.keys.columns.provider", lambda: kek(tmp_path, epochs(1, e1=ONE)))
    assert blind_index("Alice Martin", "name") != mine


@pytest.mark.parametrize("suite", list(Suite))
def test_a_record_is_sealed_by_its_public_half_and_opened_by_its_wrapped_one(
    opened_platform: Options, suite: Suite
) -> None:
    """The private half is nowhere in the table; with the key provider it opens."""
    key = create_record_key(SUBJECT, now_ms=NOW, suite=suite)
    key.refresh_from_db()
    seed = private_seed(key)
    assert derive_pair(suite, seed) == bytes(key.public)
    assert key.wrapped is not None
    assert seed not in bytes(key.wrapped)
    assert open_sealed(suite, seed, seal_for(key, b"36.50", b"info"), b"info") == b"36.50"
    assert care_key(SUBJECT).pk == key.pk


def test_a_wrapped_key_opens_for_its_own_record_only(opened_platform: Options) -> None:
    """A wrapped key that is moved to another subject, establishment or class does not open."""
    key = create_record_key(SUBJECT, now_ms=NOW)
    for name, value in (("subject", uuid.uuid4()), ("establishment", uuid.uuid4()), ("klass", "research")):
        moved = RecordKey.objects.get(pk=key.pk)
        setattr(moved, name, value)
        with pytest.raises(SealError):
            private_seed(moved)


def test_an_erased_record_has_no_key(opened_platform: Options) -> None:
    """Neither to open what was sealed, nor to seal more."""
    key = create_record_key(SUBJECT, now_ms=NOW)
    RecordKey.objects.filter(pk=key.pk).update(wrapped=None, erased_ms=NOW)
    with pytest.raises(KeyMissingError):
        private_seed(RecordKey.objects.get(pk=key.pk))
    with pytest.raises(KeyMissingError):
        care_key(SUBJECT)


def test_the_care_key_is_the_latest_of_the_care_class(opened_platform: Options) -> None:
    """Other classes and establishments are not taken for it."""
    with pytest.raises(KeyMissingError):
        care_key(SUBJECT)
    create_record_key(SUBJECT, now_ms=NOW, klass="research")
    create_record_key(SUBJECT, now_ms=NOW, establishment=uuid.uuid4())
    with pytest.raises(KeyMissingError):
        care_key(SUBJECT)
    create_record_key(SUBJECT, now_ms=NOW)
    latest = create_record_key(SUBJECT, now_ms=NOW + 1)
    assert (care_key(SUBJECT).pk, care_key(SUBJECT).establishment) == (latest.pk, ESTABLISHMENT)
