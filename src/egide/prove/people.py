"""Attacks by people: readers without a ground, or for another purpose."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from egide.prove.arena import Arena, heart_rate
from egide.prove.registry import attack, held


def _refused_reads(arena: Arena, asks: dict[str, tuple[str, str, str]]) -> Iterator[str]:
    """(patient, reader, purpose) by what it is: each must be refused, show nothing, and be in the patient's journal."""
    posted = arena.post(arena.mine.envelope(heart_rate(77)))
    held(posted.receipt is not None, "a good envelope was refused")
    before = arena.instance.json("fsck")["statements"]
    for what, (patient, reader, purpose) in asks.items():
        answer = arena.instance.run("read", patient, "--as", reader, "--purpose", purpose, "--json", check=False)
        held(answer.returncode == 1 and not answer.stdout.strip(), f"{what}: something was shown")
        held("access-denied" in answer.stderr, f"{what}: another failure: {answer.stderr.strip()[:80]}")
        yield f"{what}: access-denied"
    after = arena.instance.json("fsck")["statements"]
    held(after - before == len(asks), f"{len(asks)} refusals, {after - before} journal entries")
    yield f"journal entries written for them: {after - before}"


@attack(
    "no-ground",
    claim="Without a ground in law or the patient's yes, nobody reads; the refusal is in the patient's journal.",
    claim_fr="Sans fondement légal ni accord du patient, personne ne lit ; le refus est dans le journal du patient.",
    attacker="a curious insider, a coercing relative",
    needs=("N13", "N22", "N27"),
)
def no_ground(arena: Arena) -> Iterator[str]:
    yield from _refused_reads(
        arena,
        {
            "a patient reads another patient": (arena.alice, arena.bob, "PATRQT"),
            "a professional reads a patient they do not follow": (arena.bob, arena.charlie, "TREAT"),
            "an operator reads a patient": (arena.alice, arena.person("Oscar Roux", "operator"), "TREAT"),
        },
    )
    for path in ("/me", "/fhir/Observation?patient=x", "/me/series?code=8867-4"):
        answer = httpx.get(arena.instance.people_url + path, follow_redirects=False, trust_env=False, timeout=20)
        held(answer.status_code in {302, 303, 401, 403, 404}, f"{path} answered {answer.status_code} to nobody")
        held(b"8867-4" not in answer.content or answer.status_code != 200, f"{path} showed something")
        yield f"GET {path.split('?')[0]} without signing in: {answer.status_code}"


@attack(
    "wrong-purpose",
    claim="A ground serves its own purpose only: care is not marketing, a patient's own request is not care.",
    claim_fr="Un fondement ne sert que sa finalité : le soin n'est pas le marketing.",
    attacker="a curious insider",
    needs=("N22", "N27"),
)
def wrong_purpose(arena: Arena) -> Iterator[str]:
    yield from _refused_reads(
        arena,
        {
            "the doctor who follows the patient, for marketing": (arena.alice, arena.charlie, "HMARKT"),
            "the same, for research": (arena.alice, arena.charlie, "HRESCH"),
            "the same, as if the patient asked": (arena.alice, arena.charlie, "PATRQT"),
            "the patient, for care": (arena.alice, arena.alice, "TREAT"),
        },
    )
    shown = arena.instance.run("read", arena.alice, "--as", arena.charlie, "--purpose", "TREAT", "--json")
    held(shown.stdout.strip() not in {"", "[]"}, "the doctor who follows the patient cannot read to treat")
    yield "the same doctor, to treat: released"
