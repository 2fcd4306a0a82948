"""`egide verify` on a consent proof: who agreed to what, until when, what is not proved; its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from egide.cli.verify import Lang, verify
from egide.cli.verify_consent import LIMITS_OF_PROOF, MEANINGS, TEXTS
from egide.trust.grant import (
    CREDENTIAL_END,
    RESEARCH,
    WITHDRAWAL,
    Named,
    Period,
    credential_end_facts,
    verify_consent_proof,
)
from tests.support.consents import (
    ALICE,
    BE,
    CLAIRE,
    GRANT_ID,
    NOW_MS,
    ORIGIN,
    UP,
    UV,
    ConsentWorld,
    Passkey,
    consent,
    signed_by,
)
from tests.support.harm import flipped
from tests.support.proofs import LOG

APP = typer.Typer()
APP.command()(verify)
WORLD = ConsentWorld()
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the command on a proof (and anchors) written to files."""

    def call(*options: str, proof: bytes | None = None, trust: bool = True) -> Result:
        file, pinned = tmp_path / "consent.cbor", tmp_path / "anchors.toml"
        file.write_bytes(WORLD.proof() if proof is None else proof)
        pinned.write_bytes(WORLD.anchors().dump())
        given = ("--trust", str(pinned)) if trust else ()
        return CliRunner(env={"LC_ALL": "C"}).invoke(APP, [str(file), *given, *options])

    return call


def test_a_proof_that_holds_says_who_agreed_to_what_until_when(run: Run) -> None:
    """Exit 0: the parties, the metrics, the purpose, the end, the text, the register's entry; stderr is empty."""
    result = run()
    assert (result.exit_code, result.stderr) == (0, "")
    for said in (
        "PROVED", "Alice Moreau let Dr Claire Martin see this", ALICE, f"Dr Claire Martin (person), {CLAIRE}",
        "glucose, pressure", "from 2026-01-01T00:00:00.000Z", "TREAT", "2026-06-30T00:00:00.000Z",
        "2026-01-11T00:00:00.000Z", "2026-01-11T00:00:20.000Z", ORIGIN, GRANT_ID, "nothing signed before",
        f"entry 4 of 9 in egide/log/{LOG}", "witness.example/north, 2026-01-12T00:00:00.000Z (trusted)",
        "The text that was signed (version 2026-01, fr):", "  | Vous autorisez Dr Claire Martin",
    ):  # fmt: skip
        assert said in result.stdout


def test_it_says_plainly_what_it_does_not_prove(run: Run) -> None:
    """What the screen displayed, that nobody coerced, whose hand; that it still runs, that the key was not retired."""
    said = run().stdout
    for name in ("screen", "coercion", "person", "running", "retired"):
        assert LIMITS_OF_PROOF[Lang.EN][name] in said
    assert LIMITS_OF_PROOF[Lang.EN]["deed"] not in said
    assert "Ce que ceci ne prouve pas" in run("--lang", "fr").stdout


def test_a_withdrawal_by_a_representative_after_which_the_passkey_was_retired(run: Run) -> None:
    """Each limit is said where it applies, and only there."""
    said = consent(
        kind=WITHDRAWAL, until_ms=None, previous=bytes(32), patient=Named(CLAIRE, "Léo Moreau"),
        period=Period(None, NOW_MS),
    )  # fmt: skip
    ended = WORLD.statement(
        CREDENTIAL_END, ALICE, credential_end_facts(WORLD.passkey.credential().id_sha256), at_ms=NOW_MS + 60_000
    )
    output = run(proof=WORLD.proof(signed_by(WORLD.passkey, said.encode()), retirement=ended)).stdout
    assert "took back" in output
    assert "before 2026-01-11T00:00:00.000Z" in output
    assert "Passkey retired" in output
    assert LIMITS_OF_PROOF[Lang.EN]["deed"] in output
    assert LIMITS_OF_PROOF[Lang.EN]["running"] not in output
    assert LIMITS_OF_PROOF[Lang.EN]["retired"] not in output


def test_a_part_in_research_is_said_to_be_one(run: Run) -> None:
    """With its end, and that it may have been left since."""
    said = consent(kind=RESEARCH, purpose="HRESCH")
    proof = WORLD.proof(signed_by(WORLD.passkey, said.encode()))
    output = run(proof=proof).stdout
    assert "took part in research" in output
    assert "HRESCH" in output
    assert "Until" in output
    assert LIMITS_OF_PROOF[Lang.EN]["running"] in output
    assert "participe à une recherche" in run("--lang", "fr", proof=proof).stdout


def test_a_grant_without_end_of_all_that_was_measured(run: Run) -> None:
    """Nothing is left to be guessed."""
    said = consent(period=Period(None, None), until_ms=None)
    output = run(proof=WORLD.proof(signed_by(WORLD.passkey, said.encode()))).stdout
    assert "at any time" in output
    assert "no end but its withdrawal" in output


def test_warnings_are_said_and_the_proof_holds(run: Run) -> None:
    """A counter that did not grow, a key on several devices: exit 0 all the same."""
    passkey = Passkey(key=WORLD.passkey.key)
    signed = signed_by(passkey, consent().encode(), flags=UP | UV | BE)
    result = run(proof=WORLD.proof(signed, enrolment=WORLD.enrolment(count=5)))
    assert result.exit_code == 0
    assert "Warning: the passkey's counter did not grow" in result.stdout
    assert "Warning: the passkey may lie on several devices" in result.stdout


def test_without_anchors_the_exit_code_is_3(run: Run) -> None:
    """Consistent, not anchored; and a witness may be required."""
    result = run(trust=False)
    assert (result.exit_code, "CONSISTENT, NOT ANCHORED" in result.stdout) == (3, True)
    assert "(trusted)" not in result.stdout
    assert run("--witnessed").exit_code == 0
    unwitnessed = WORLD.proof(replaced={"cosignatures": ()})
    assert run("--witnessed", proof=unwitnessed).exit_code == 3
    assert "not witnessed" in run(proof=unwitnessed).stdout


@pytest.mark.parametrize("place", range(0, len(WORLD.proof()), 211))
def test_a_changed_byte_is_exit_1_with_its_step(run: Run, place: int) -> None:
    """The step, a hint, what it means; nothing on stdout. (All bytes: tests/trust/test_grant_bytes.py.)"""
    data = bytearray(WORLD.proof())
    data[place] ^= 1
    result = run(proof=bytes(data))
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("egide: proof-invalid: step ")
    assert "egide: hint: keep the file" in result.stderr


def test_each_step_that_fails_is_told_in_words(run: Run) -> None:
    """Every step has its meaning, in both languages; a swapped text is the passkey's step."""
    steps = {step.split()[0] for step in verify_consent_proof(WORLD.proof(), None).steps}
    assert set(MEANINGS[Lang.FR]) == set(MEANINGS[Lang.EN]) == steps
    data = WORLD.proof().replace("à tout moment".encode(), "à tout momemt".encode())
    assert MEANINGS[Lang.EN]["3"] in run(proof=data).stderr
    assert MEANINGS[Lang.FR]["3"] in run("--lang", "fr", proof=data).stderr


def test_json_holds_the_report_exactly(run: Run) -> None:
    """One object for programs, with what is not proved in it."""
    report = json.loads(run("--json").stdout)
    assert (report["verdict"], report["kind"], report["grant"]) == ("proved", "grant", GRANT_ID)
    assert report["reader"] == {"kind": "person", "uri": CLAIRE, "name": "Dr Claire Martin"}
    assert (report["families"], report["purpose"], report["previous"]) == (["glucose", "pressure"], "TREAT", None)
    assert report["data"] == {"since": "2026-01-01T00:00:00.000Z", "until": None}
    assert report["shown"]["text"] == consent().shown.text
    assert report["register"]["index"] == 4
    assert report["not_proved"] == ["screen", "coercion", "person", "running", "retired"]
    broken = json.loads(run("--json", proof=flipped(WORLD.proof())).stdout)
    assert broken == {"verdict": "invalid", "step": "10 platform signature", "code": "proof-invalid"}


def test_both_languages_say_the_same_things() -> None:
    """No text is missing in one of them."""
    assert set(TEXTS[Lang.FR]) == set(TEXTS[Lang.EN])
    assert set(LIMITS_OF_PROOF[Lang.FR]) == set(LIMITS_OF_PROOF[Lang.EN])


def test_the_last_date_that_a_statement_can_hold_is_shown(run: Run) -> None:
    """No time that verifies makes the command fall."""
    said = consent(until_ms=2**45)
    assert run(proof=WORLD.proof(signed_by(WORLD.passkey, said.encode()))).exit_code == 0
