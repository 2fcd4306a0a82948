"""Attacks by what is typed: in every field of every form that the pages show, in every parameter that a view reads."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import httpx

from egide import cbor
from egide.prove.arena import Arena, Foe
from egide.prove.browser import Browser, lasting
from egide.prove.crawl import Form, Parameter, crawl, parameters
from egide.prove.grants import key_of
from egide.prove.registry import attack, held
from egide.prove.signin import people
from egide.prove.staff import officers
from egide.trust.cose import Sign1, sig_structure

_STARTS: Final = (
    "/", "/me", "/me/journal", "/me/objects", "/me/objects/add", "/me/sharing", "/me/sharing/new", "/me/sharing/hide",
    "/settings/options", "/rights/", "/security", "/patients", "/patients/find", "/shared", "/emergencies",
    "/office/security", "/office/privacy", "/office/people", "/office/platform", "/desk/recovery", "/sign-in",
    "/welcome",
)  # fmt: skip
_TRUE: Final = "x' AND '1'='1"
_FALSE: Final = "x' AND '1'='2"
_POISON: Final = (
    "x'; DROP TABLE people_account; --", "1) UNION SELECT sealed_name FROM people_account --", "\"'`;\\%_",
    "1;SELECT CASE WHEN 1=1 THEN randomblob(999999999) END",
)  # fmt: skip
#: The condition, however a page writes it down again.
_ECHO: Final = re.compile(r"AND(\+| |%20|%2B)(%27|&#x27;|'|\\u0027)1.{1,18}?(=|%3D|\\u003D)(%27|&#x27;|'|\\u0027)[12]")
_SLOW_S: Final = 20.0  # of all of them together; a condition that waits would wait longer
_SCRIPT: Final = "\"'><img src=x onerror=alert(1)><script>alert(2)</script>"
_MARKUP: Final = ("<img src=x", "<script>alert", "onerror=alert(1)>")


def _cast(arena: Arena) -> tuple[dict[str, Browser], str, Foe]:
    """A patient, a doctor who follows them and two officers, each with a passkey; the patient's id and object."""
    (owner,) = people(arena, "Tina Vidal")
    (doctor,) = people(arena, "Theo Vidal", role="professional")
    arena.instance.run("person", "follow", doctor.user, owner.user)
    foe = arena.enrol(owner.user)
    found = {}
    for who, made in (("the patient", owner), ("the doctor", doctor)):
        found[who] = Browser(arena)
        found[who].submit("/sign-in", code=made.link)
        found[who].enrol_passkey()
    first, second = officers(arena)
    found |= {"the administrator": first, "the security officer": second}
    return found, key_of(arena, owner.user), foe


@attack(
    "typed-commands",
    claim="What is typed in any field, or given to any parameter that a view reads, never becomes a command of the"
    " database.",
    claim_fr="Ce qui est saisi dans un champ, ou donné à un paramètre, ne devient jamais une commande de la base.",
    attacker="a patient, a professional or an officer who plays with forms",
    needs=("N20", "N23"),
)
def typed_commands(arena: Arena) -> Iterator[str]:
    cast, patient, _ = _cast(arena)
    before = arena.stored()
    slowest = 0.0
    every = parameters(arena, patient)
    for who, browser in cast.items():
        open_to = {path for path in {one.path for one in every} if browser.get(path).status_code < 400}
        asked = [one for one in every if one.path in open_to]
        for one in asked:
            held(not _tells(browser, one), f"{who}: {one.path}?{one.name} tells a true condition from a false one")
            began = time.monotonic()
            for text in _POISON:
                _sound(browser.get(one.path, params={one.name: text}), f"{who}: {one.path}?{one.name}")
            slowest = max(slowest, time.monotonic() - began)
        _, forms = crawl(browser, *_STARTS)
        fields = 0
        for form in forms.values():
            for name in form.typed:
                fields += 1
                for text in _POISON:
                    _sound(_send(browser, form, {name: text}), f"{who}: {name} of {form.action}")
        held(fields > 0, f"{who}: no form was found")
        yield f"{who}: {len(asked)} parameters, {fields} fields of {len(forms)} forms: no server error"
    held(slowest < _SLOW_S, f"a parameter held the store for {slowest:.1f} s")
    held(arena.stored() == before, "the store changed")
    yield "conditions true and false are answered alike; the store is whole"


@attack(
    "typed-scripts",
    claim="Markup typed in any free text, or sent by an object, is shown as text to everybody.",
    claim_fr="Du balisage saisi dans un texte libre, ou envoyé par un objet, s'affiche comme du texte pour tous.",
    attacker="a patient, a professional, a maker or a stolen object",
    needs=("N10", "N20"),
)
def typed_scripts(arena: Arena) -> Iterator[str]:
    cast, patient, foe = _cast(arena)
    told = _objects_say(arena, foe)
    filled = 0
    for browser in cast.values():
        _, forms = crawl(browser, *_STARTS)
        for form in forms.values():
            for name in form.typed:
                _sound(_send(browser, form, {name: _SCRIPT}), f"{name} of {form.action}")
                filled += 1
    yield f"{filled} fields of {len(cast)} people filled with markup; from objects: {told}"
    shown = 0
    for who, browser in cast.items():
        pages, _ = crawl(browser, *_STARTS, f"/patients/{patient}")
        for path in pages:
            answer = browser.get(path, follow_redirects=True)
            held(not any(mark in answer.text for mark in _MARKUP), f"{who}: {path} holds markup of somebody's")
            policy = answer.headers.get("content-security-policy", "")
            held("script-src 'self'" in policy and "unsafe" not in policy, f"{who}: {path}: scripts in pages may run")
            shown += "&lt;img src=x" in answer.text
        yield f"{who}: {len(pages)} pages, none with markup"
    held(shown > 0, "the check itself is wrong: what was typed is shown nowhere")
    yield f"it is shown as text on {shown} of them (the check can fail)"


def _objects_say(arena: Arena, foe: Foe) -> str:
    """An object signs a metric and a unit in markup: what the form of readings allows, and what it does not."""
    now_ms = time.time_ns() // 1_000_000
    said = []
    for code, unit in (("x-<img src=x onerror=alert(1)>", "<b>"), (_SCRIPT, _SCRIPT)):
        readings = cbor.encode([now_ms, [[code, unit, 0, 0, [1]]]])
        posted = arena.post(_signed(foe, readings))  # whatever else than an answer is no answer: the claim fails
        held(posted.receipt is not None or bool(posted.code), f"an object's {len(code)} characters were not answered")
        said.append("kept" if posted.receipt else posted.code)
    held(said[0] == "kept", f"the check itself is wrong: nothing in markup came from an object: {said[0]}")
    return " and ".join(said)


def _signed(foe: Foe, payload: bytes) -> bytes:
    """An envelope that the object signed over any bytes, whatever its own library would refuse to write."""
    good = Sign1.parse(foe.envelope())
    signature = foe.signer.sign(sig_structure(good.protected, payload))
    return replace(good, payload=payload, signature=signature).encode()


def _send(browser: Browser, form: Form, typed: dict[str, str]) -> httpx.Response:
    """The form as it was found, with some fields typed otherwise."""
    fields = {**form.fields, **typed}
    if not form.post:
        return browser.get(form.action, params=fields)
    return browser.submit(
        form.action, page=form.page, **{k: v for k, v in fields.items() if k != "csrfmiddlewaretoken"}
    )


def _tells(browser: Browser, one: Parameter) -> bool:
    """A page may change by itself between two looks (a message comes); a condition tells each time."""
    return all(
        _got(browser, one.path, one.name, _TRUE) != _got(browser, one.path, one.name, _FALSE) for _ in range(3)
    )


def _got(browser: Browser, path: str, name: str, text: str) -> str:
    """Status and page, without what was asked."""
    answer = browser.get(path, params={name: text})
    page = lasting(_ECHO.sub("", answer.text))
    return f"{answer.status_code} {page}"


def _sound(answer: httpx.Response, where: str) -> None:
    held(answer.status_code < 500, f"{where}: {answer.status_code}")
    for sign in ("OperationalError", "syntax error", "Traceback", "sqlite3"):
        held(sign not in answer.text, f"{where}: the page speaks of {sign}")
