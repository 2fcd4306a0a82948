"""One file with everything: what is in it, that it is true, that each byte came through the door."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import zipfile
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from egide.cli import app
from egide.cloud.fhir.portability import CHANNEL, portable_file
from egide.cloud.people.service import create_account
from egide.cloud.register.publishing import publish
from egide.cloud.release.door import Ask, release
from egide.cloud.release.export import entries
from egide.cloud.release.journal import journal_of
from egide.cloud.vault.models import Envelope
from egide.errors import AccessDeniedError
from tests.cloud.conftest import NOW
from tests.support.cast import Cast

EVER = 2**50


def opened(content: bytes) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(io.BytesIO(content))
    assert archive.testzip() is None
    return archive


@pytest.fixture
def archive(cast: Cast) -> zipfile.ZipFile:
    publish(now_ms=NOW)
    return opened(portable_file(cast.alice, now_ms=NOW).content)


def text_of(archive: zipfile.ZipFile, name: str, tmp_path: Path) -> str:
    file = tmp_path / "document.pdf"
    file.write_bytes(archive.read(name))
    return subprocess.run(["pdftotext", "-layout", str(file), "-"], check=True, capture_output=True, text=True).stdout


def test_every_value_is_there_exactly_once_in_each_form(cast: Cast, archive: zipfile.ZipFile) -> None:
    """What the door releases, the tables and the bundle hold: the same values, digit for digit."""
    answer = release(
        Ask(reader=cast.alice, patient=cast.alice, since_ms=0, until_ms=EVER, purpose="PATRQT", channel="test"),
        now_ms=NOW,
    )
    wanted = sorted(
        (c.entry, c.position, c.first + i, format(Decimal(v).scaleb(c.exponent), "f"), c.unit)
        for c in answer.columns
        for i, v in enumerate(c.values)
    )
    names = [n for n in archive.namelist() if n.startswith("data/")]
    rows = [row for n in names for row in csv.DictReader(io.StringIO(archive.read(n).decode()))]
    found = sorted((int(r["entry"]), int(r["position"]), int(r["index"]), r["value"], r["unit"]) for r in rows)
    assert found == wanted
    assert "36.50" in {value for *_, value, _ in found}
    bundle = json.loads(archive.read("fhir/bundle.json"), parse_float=Decimal)
    kinds = [entry["resource"]["resourceType"] for entry in bundle["entry"]]
    assert (kinds.count("Patient"), kinds.count("Device")) == (1, 4)
    assert kinds.count("Provenance") == Envelope.objects.filter(pairing__patient=cast.alice).count()
    weights = [
        e["resource"]["valueQuantity"]["value"]
        for e in bundle["entry"]
        if e["resource"]["resourceType"] == "Observation"
        and e["resource"]["code"]["coding"][0]["code"] == "29463-7"
    ]
    assert sorted(map(str, weights)) == sorted(r["value"] for r in rows if r["unit"] == "kg")
    addresses = [entry["fullUrl"] for entry in bundle["entry"]]
    assert len(set(addresses)) == len(addresses)


def test_each_proof_holds_for_whoever_has_the_file_alone(archive: zipfile.ZipFile, tmp_path: Path) -> None:
    """`egide verify` says so, with the anchors beside it, and each table names the proof of each value."""
    archive.extractall(tmp_path)
    proofs = [n for n in archive.namelist() if n.startswith("proofs/")]
    assert len(proofs) == Envelope.objects.count()
    for name in (proofs[0], proofs[-1]):
        done = CliRunner().invoke(app, ["verify", str(tmp_path / name), "--trust", str(tmp_path / "anchors.toml")])
        assert done.exit_code == 0, done.output
    named = {
        row["proof"]
        for n in archive.namelist()
        if n.startswith("data/")
        for row in csv.DictReader(io.StringIO(archive.read(n).decode()))
    }
    assert named == set(proofs)


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        pytest.param("fr", ("Mes mesures", "Alice Moreau", "36,50", "Pourquoi m’y fier"), id="french"),
        pytest.param("en", ("My measurements", "Alice Moreau", "36.50", "Why should I trust"), id="english"),
    ],
)
def test_the_document_reads_in_both_languages(
    archive: zipfile.ZipFile, tmp_path: Path, lang: str, said: tuple[str, ...]
) -> None:
    """Text, not pictures; tagged, in its language, its fonts inside."""
    text = text_of(archive, f"record.{lang}.pdf", tmp_path)
    assert [words for words in said if words not in text] == []
    file = str(tmp_path / "document.pdf")
    info = subprocess.run(["pdfinfo", file], check=True, capture_output=True, text=True).stdout
    assert "Tagged:          yes" in info
    fonts = subprocess.run(["pdffonts", file], check=True, capture_output=True, text=True)
    lines = fonts.stdout.splitlines()[2:]
    assert lines
    assert all("SourceSans3" in line and " yes yes yes" in line for line in lines)


def test_a_file_is_one_export_in_the_journal(cast: Cast, archive: zipfile.ZipFile) -> None:
    """One line for the whole file: the patient themselves, by the channel of portability."""
    mine = [line for line in journal_of(cast.alice) if line.channel == CHANNEL]
    assert [(line.reader, line.purpose, line.decision, line.codes) for line in mine] == [
        (str(cast.alice.pk), "PATRQT", "yes", ())
    ]


def test_an_empty_record_is_said_to_be_empty(cast: Cast, tmp_path: Path) -> None:
    """Nothing measured: the file is there, whole, and says so."""
    made = portable_file(cast.charlie, now_ms=NOW)
    assert (made.values, made.proofs) == (0, 0)
    assert "Rien n’a encore été mesuré" in text_of(opened(made.content), "record.fr.pdf", tmp_path)


def test_what_is_too_recent_to_be_proved_is_said(cast: Cast) -> None:
    """No checkpoint yet: the values are there, without a proof, and the file says what to do."""
    made = portable_file(cast.alice, now_ms=NOW)
    assert made.proofs == 0
    assert made.values > 0
    assert "too recent" in opened(made.content).read("README.en.txt").decode()


def test_nobody_else_gets_whole_envelopes(cast: Cast) -> None:
    """A doctor who follows Alice reads her values; the signed messages leave for her alone."""
    answer = release(
        Ask(reader=cast.bob, patient=cast.alice, since_ms=0, until_ms=EVER, purpose="TREAT", channel="test"), now_ms=NOW
    )
    with pytest.raises(AccessDeniedError):
        next(entries(answer))


def test_a_closed_account_takes_nothing_away(cast: Cast) -> None:
    """The door says no, and the no is in the journal."""
    erin = create_account("patient", "Erin", NOW)
    erin.is_active = False
    with pytest.raises(AccessDeniedError):
        portable_file(erin, now_ms=NOW)
    assert [line.decision for line in journal_of(erin)] == ["no"]
