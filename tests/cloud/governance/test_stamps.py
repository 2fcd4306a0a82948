"""The time in a form: an authority's, checked by what was pinned; or ours alone, and the form says so."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings

from egide.cloud.governance.forms import KIND, Form, care_agreement
from egide.cloud.governance.timestamping import the_authority
from egide.cloud.keys.records import care_key
from egide.cloud.options import Options
from egide.cloud.people.models import Account
from egide.cloud.register.journal import open_statement
from egide.cloud.register.models import Statement
from egide.errors import ConfigError, UnavailableError
from tests.support.thing import NOW
from tests.support.tsa import Tsa, make_tsa, running_tsa


@pytest.fixture
def tsa(opened_platform: Options) -> Iterator[Tsa]:
    with running_tsa() as running:
        settings.OPTIONS = replace(settings.OPTIONS, tsa_url=running.url, tsa_ca=str(running.pem))
        yield running


_MUCH = 32 * 1024 * 1024  # far more than the buffers between two sockets hold


@contextmanager
def endless() -> Iterator[tuple[str, list[int]]]:
    """A server whose one answer goes on as long as somebody reads it, up to `_MUCH`; the sizes that it sent."""
    sent: list[int] = []

    def serve() -> None:
        peer, _ = listener.accept()
        with peer, suppress(OSError):
            peer.recv(65_536)
            peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            while sum(sent) < _MUCH:
                sent.append(peer.send(b"0" * 65_536))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", sent
        thread.join(10)


def text_of(form: Form, tmp_path: Path) -> str:
    file = tmp_path / "form.pdf"
    file.write_bytes(form.content)
    return " ".join(subprocess.run(["pdftotext", str(file), "-"], capture_output=True, text=True).stdout.split())


def made(alice: Account, charlie: Account) -> Form:
    return care_agreement(alice, charlie, how="oral", agreed=True, lang="en", now_ms=NOW)


@pytest.mark.server
def test_a_form_bears_the_stamp_of_the_authority(tsa: Tsa, alice: Account, charlie: Account, tmp_path: Path) -> None:
    """OpenSSL made the stamp; poppler finds the signature valid; the form and the register name the authority."""
    form = made(alice, charlie)
    assert "A time-stamp authority (127.0.0.1, RFC 3161) attests" in text_of(form, tmp_path)
    assert "Without a time-stamp authority" not in text_of(form, tmp_path)
    said = subprocess.run(["pdfsig", "-nocert", str(tmp_path / "form.pdf")], capture_output=True, text=True).stdout
    assert "Signature is Valid" in said
    assert "Total document signed" in said
    assert "060b2a864886f70d0109100104" in form.content.decode("latin-1").lower()  # id-ct-TSTInfo, in the signature
    own = open_statement(Statement.objects.get(entry=form.entry, kind=KIND), care_key(alice.pk)).personal
    assert own is not None
    assert own["stamped"] == "127.0.0.1"


@pytest.mark.server
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda answer: b"", id="nothing"),
        pytest.param(lambda answer: answer[:-9] + bytes([answer[-9] ^ 1]) + answer[-8:], id="a-bit-of-the-signature"),
        pytest.param(lambda answer: b"0" * 70_000, id="without-end"),
    ],
)
def test_an_answer_that_does_not_hold_makes_no_form(
    tsa: Tsa, alice: Account, charlie: Account, spoil: object
) -> None:
    """Nothing is sealed, nothing enters the register: try again later."""
    tsa.spoil = spoil  # type: ignore[assignment]
    with pytest.raises(UnavailableError):
        made(alice, charlie)
    assert not Statement.objects.filter(kind=KIND).exists()


@pytest.mark.server
def test_an_answer_without_end_is_not_read_to_its_end(tsa: Tsa, alice: Account, charlie: Account) -> None:
    """Whoever answers for the authority cannot fill this memory: no more is read than a stamp may be long."""
    with endless() as (url, sent):
        settings.OPTIONS = replace(settings.OPTIONS, tsa_url=url)
        with pytest.raises(UnavailableError):
            made(alice, charlie)
    assert 0 < sum(sent) < _MUCH


@pytest.mark.server
def test_an_authority_that_nobody_chose_stamps_nothing(
    tsa: Tsa, alice: Account, charlie: Account, tmp_path: Path
) -> None:
    """Its stamp is checked by the certificate that was pinned, not by the one that it brings."""
    settings.OPTIONS = replace(settings.OPTIONS, tsa_ca=str(make_tsa(tmp_path).pem))
    with pytest.raises(UnavailableError):
        made(alice, charlie)
    assert tsa.asked > 0


@pytest.mark.server
def test_an_authority_that_is_away_makes_no_form(tsa: Tsa, alice: Account, charlie: Account) -> None:
    """A form that claims less than was decided is not made instead."""
    settings.OPTIONS = replace(settings.OPTIONS, tsa_url="http://127.0.0.1:9/")
    with pytest.raises(UnavailableError):
        made(alice, charlie)


def test_without_one_the_form_says_so(alice: Account, charlie: Account, tmp_path: Path) -> None:
    """As it is unless somebody sets it."""
    assert the_authority() is None
    assert "Without a time-stamp authority: the time above is the establishment’s own." in text_of(
        made(alice, charlie), tmp_path
    )


def test_an_authority_without_its_certificate_is_a_wrong_setting(opened_platform: Options, tmp_path: Path) -> None:
    """A stamp that nothing checks would be worth less than none."""
    settings.OPTIONS = replace(settings.OPTIONS, tsa_url="http://127.0.0.1:9/", tsa_ca=str(tmp_path / "none.pem"))
    with pytest.raises(ConfigError):
        the_authority()
