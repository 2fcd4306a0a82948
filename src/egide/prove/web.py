"""Attacks on the pages, by people who have a browser: somebody else's site, link, cookie, name or address."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Iterator
from typing import Final

from egide.prove.arena import Arena, heart_rate
from egide.prove.browser import TOKEN, Browser
from egide.prove.registry import attack, held

_SCRIPT: Final = '<img src=x onerror=alert(1)>"><script>alert(2)</script>'
_EVIL: Final = "https://evil.example"
_PLACES: Final = (
    "https://evil.example/", "//evil.example/", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)",
    "https:evil.example", "/%09/evil.example",
)  # fmt: skip
_POISON: Final = (
    "' OR '1'='1", "1; DROP TABLE vault_envelope; --", '" UNION SELECT sealed_name FROM people_account --',
    "%27%20OR%201=1", "\x00", "1e309", "-1", "9" * 400, "../../etc/passwd", "{{7*7}}",
)  # fmt: skip


@attack(
    "session-fixation",
    claim="A session that somebody planted before a sign-in is worth nothing after it.",
    claim_fr="Une session plantée avant la connexion ne vaut plus rien après.",
    attacker="somebody with the same computer before",
    needs=("N13", "N31"),
)
def session_fixation(arena: Arena) -> Iterator[str]:
    with Browser(arena) as thief, Browser(arena) as alice:
        planted = "a" * 32
        alice.cookies.set("sessionid", planted)
        answer = alice.sign_in(arena.alice)
        held(answer.status_code == 302, f"a good link did not sign in: {answer.status_code}")
        keys = {str(cookie.value) for cookie in alice.cookies.jar if cookie.name == "sessionid"} - {planted}
        held(len(keys) == 1, "the session kept the key that was planted")
        yield "Alice signed in with a planted key in her cookie: she was given another"
        thief.cookies.set("sessionid", planted)
        held(not thief.signed_in(), "the planted key opened Alice's session")
        yield "the planted key, used by who planted it: not signed in"
        thief.cookies.clear()
        thief.cookies.set("sessionid", keys.pop())
        held(thief.signed_in(), "the check itself is wrong: Alice's real key does not open her session")
        yield "(Alice's new key does open it: the check can fail)"


@attack(
    "cross-site-request",
    claim="Another site cannot act in the name of who is signed in.",
    claim_fr="Un autre site ne peut pas agir au nom de la personne connectée.",
    attacker="a malicious site open in another tab",
    needs=("N13",),
)
def cross_site_request(arena: Arena) -> Iterator[str]:
    with Browser(arena) as alice:
        alice.sign_in(arena.alice)
        token = (TOKEN.search(alice.get("/me").text) or ["", ""])[1]
        for what, headers, fields in (
            ("without the form's token", {}, {}),
            ("with a token of its own", {}, {"csrfmiddlewaretoken": "x" * 64}),
            ("with the right token, from another origin", {"origin": _EVIL}, {"csrfmiddlewaretoken": token}),
        ):
            answer = alice.post("/sign-out", data=fields, headers=headers)
            held(answer.status_code in {400, 403} and alice.signed_in(), f"{what}: it was done")
            yield f"sign out, asked {what}: {answer.status_code}, still signed in"
        cookie = "; ".join(alice.get("/sign-in").headers.get_list("set-cookie"))
        held("samesite=none" not in cookie.lower(), "cookies go to other sites")
        held(alice.submit("/sign-out", page="/me").status_code == 200 and not alice.signed_in(), "the form fails")
        yield "(the page's own form does sign out: the check can fail)"


@attack(
    "script-in-names",
    claim="What a person or an object is called is shown as text: no name becomes a script.",
    claim_fr="Le nom d'une personne ou d'un objet s'affiche comme du texte : aucun ne devient un script.",
    attacker="whoever chooses a name: a patient, a maker, a thief with a claim",
    needs=("N10", "N20"),
)
def script_in_names(arena: Arena) -> Iterator[str]:
    victim = arena.person(f"Mallory {_SCRIPT}", "patient")
    claim = arena.instance.json("fleet", "claim", "--model", f"Model {_SCRIPT}"[:80], "--patient", victim)
    arena.instance.run("person", "follow", arena.charlie, victim)
    held(bool(claim["claim"]), "no claim was made")
    for who in (victim, arena.charlie):
        with Browser(arena) as browser:
            browser.sign_in(who)
            for path in ("/", "/me", "/me/journal", "/me/objects", "/patients", "/ward/"):
                answer = browser.get(path, follow_redirects=True)
                markup = "<script>alert" in answer.text or "<img src=x" in answer.text
                held(not markup, f"{path}: a name is markup")
                policy = answer.headers.get("content-security-policy", "")
                held("script-src 'self'" in policy and "unsafe" not in policy, f"{path}: scripts in pages may run")
            shown = any("Mallory &lt;img" in browser.get(p, follow_redirects=True).text for p in ("/patients", "/me"))
            yield f"pages of {'the patient' if who == victim else 'the doctor'}: markup is shown as text" + (
                ", the name among it" if shown else ""
            )


@attack(
    "framed-page",
    claim="No other site can show a page inside its own and have it clicked.",
    claim_fr="Aucun autre site ne peut afficher une page dans la sienne et y faire cliquer.",
    attacker="a malicious site",
    needs=("N13",),
)
def framed_page(arena: Arena) -> Iterator[str]:
    with Browser(arena) as alice:
        alice.sign_in(arena.alice)
        for path in ("/", "/sign-in", "/me", "/me/journal", "/nowhere", "/fhir/metadata"):
            headers = alice.get(path).headers
            held(headers.get("x-frame-options") == "DENY", f"{path} may be framed")
            policy = headers.get("content-security-policy", "")
            held("frame-ancestors 'none'" in policy, f"{path}: its policy allows it")
            held(headers.get("x-content-type-options") == "nosniff", f"{path}: its type may be guessed")
        yield "6 pages, errors among them: DENY, frame-ancestors 'none', nosniff"


@attack(
    "open-redirect",
    claim="A link to our sign-in page never leads to another site.",
    claim_fr="Un lien vers notre page de connexion ne mène jamais à un autre site.",
    attacker="a phisher",
    needs=("N31",),
)
def open_redirect(arena: Arena) -> Iterator[str]:
    for place in _PLACES:
        with Browser(arena) as alice:
            where = alice.sign_in(arena.alice, next=place).headers.get("location", "")
            host = urllib.parse.urlsplit(urllib.parse.urljoin(arena.instance.people_url, where)).netloc
            held(host == urllib.parse.urlsplit(arena.instance.people_url).netloc, f"next={place!r} led to {host}")
            held("\\" not in where and not where.startswith("//"), f"next={place!r} gave {where!r}")
            yield f"next={place}: {where or 'no redirect'}"


@attack(
    "another-host",
    claim="A request for another name is refused, and no forwarded name or address is believed.",
    claim_fr="Une requête pour un autre nom est refusée, et aucun nom ni adresse transmis n'est cru.",
    attacker="a stranger",
    needs=("N20",),
)
def another_host(arena: Arena) -> Iterator[str]:
    with Browser(arena) as stranger:
        answer = stranger.get("/sign-in", headers={"host": "evil.example"})
        held(answer.status_code == 400 and "evil.example" not in answer.text, "a foreign Host was served")
        yield "Host: evil.example: 400"
        forwarded = {"x-forwarded-host": "evil.example", "x-forwarded-for": "10.9.8.7"}
        for path in ("/sign-in", "/fhir/metadata", "/me"):
            answer = stranger.get(path, headers={**forwarded, "forwarded": "host=evil.example"})
            held("evil.example" not in answer.text + str(answer.headers), f"{path}: a forwarded name was believed")
        yield "X-Forwarded-Host, Forwarded: in no page and no header"


@attack(
    "somebody-elses-address",
    claim="Knowing an address opens nothing: each page asks who is there.",
    claim_fr="Connaître une adresse n'ouvre rien : chaque page demande qui est là.",
    attacker="a patient who changes the numbers in an address",
    needs=("N13", "N22"),
)
def somebody_elses_address(arena: Arena) -> Iterator[str]:
    posted = arena.post(arena.mine.envelope(heart_rate(81)))
    held(posted.receipt is not None, "a good envelope was refused")
    index = posted.receipt.index if posted.receipt else 0
    entry = (1 << 40) | index
    alice = arena.inside(
        "import sys; from egide.cloud.people.service import find; print(find(sys.argv[1]).pk)", arena.alice
    ).strip()
    paths = [
        f"/patients/{alice}", f"/patients/{alice}/series?code=8867-4", f"/patients/{alice}/latest",
        f"/patients/{alice}/reading/{entry}-0-0", f"/patients/{alice}/proof/{entry}", f"/me/proof/{entry}",
        f"/me/reading/{entry}-0-0", f"/fhir/Observation?patient={alice}", f"/fhir/Observation/{entry}-0-0",
        f"/fhir/Provenance/{entry}", f"/fhir/Device/{arena.mine.uuid}",
    ]  # fmt: skip
    with Browser(arena) as owner:
        owner.sign_in(arena.alice)
        seen = [path for path in paths if owner.get(path).status_code == 200]
        held(f"/me/reading/{entry}-0-0" in seen, "the check itself is wrong: Alice does not see her own")
    readers = {"another patient": arena.bob, "an operator": arena.person("Oscar Roux", "operator"), "nobody": ""}
    for what, who in readers.items():
        with Browser(arena) as browser:
            if who:
                browser.sign_in(who)
            for path in paths:
                answer = browser.get(path)
                held(answer.status_code in {302, 401, 403, 404}, f"{what}: {path} answered {answer.status_code}")
                held("81" not in re.findall(r">\s*(\d+)\s*<", answer.text), f"{what}: {path} showed the value")
            yield f"{what}, on {len(paths)} addresses of Alice's: refused"


@attack(
    "poisoned-parameters",
    claim="Nothing that stands in an address or a form becomes a command: it is refused, and the store is whole.",
    claim_fr="Rien de ce qui est dans une adresse ou un formulaire ne devient une commande.",
    attacker="a stranger, or a patient",
    needs=("N20", "N23"),
)
def poisoned_parameters(arena: Arena) -> Iterator[str]:
    before = arena.stored()
    tried = 0
    with Browser(arena) as browser:
        browser.sign_in(arena.alice)
        for path, names in (
            ("/me", ("days", "code", "period")), ("/me/series", ("code", "since", "until")),
            ("/me/journal", ("before",)),
            ("/fhir/Observation", ("patient", "code", "date", "_count", "_sort", "_cursor", "_purpose", "x")),
            ("/sign-in", ("next",)),
        ):  # fmt: skip
            for name in names:
                for poison in _POISON:
                    answer = browser.get(path, params={name: poison})
                    tried += 1
                    held(answer.status_code < 500, f"{path}?{name}: {answer.status_code}")
        for poison in _POISON:
            held(browser.submit("/sign-in", code=poison).status_code < 500, "the sign-in form broke")
            tried += 1
    held(arena.stored() == before, "the store changed")
    yield f"{tried} poisoned parameters: none is a server error; the store holds what it held, and fsck is clean"


@attack(
    "more-than-the-form-asks",
    claim="A form takes the fields that it shows, and no other: nobody becomes somebody by adding one.",
    claim_fr="Un formulaire ne prend que ses champs : personne ne devient quelqu'un en en ajoutant.",
    attacker="a patient with a script",
    needs=("N22",),
)
def more_than_the_form_asks(arena: Arena) -> Iterator[str]:
    extra = {"role": "operator", "is_active": "1", "id": "0", "username": "root", "is_superuser": "1", "office": "dpo"}
    with Browser(arena) as browser:
        browser.sign_in(arena.bob, **extra)
        browser.submit("/language", page="/me", language="en", **extra)
        held(browser.signed_in(), "Bob is not signed in")
    roles = {row["user"]: row["role"] for row in arena.instance.json("person", "list")}
    held(roles[arena.bob] == "patient" and "root" not in roles, "a field that no form has was taken")
    yield "role, office, is_superuser and others added to two forms: Bob is a patient, under his name"


@attack(
    "ended-follow-up",
    claim="Who belonged to a follow-up until a moment ago reads nothing from then on, in a session that was open.",
    claim_fr="Qui faisait partie d'un suivi jusqu'à l'instant ne lit plus rien, même avec une session ouverte.",
    attacker="a professional who left the team, a relative with yesterday's session",
    needs=("N13", "N27"),
)
def ended_follow_up(arena: Arena) -> Iterator[str]:
    patient = arena.person("Denise Morel", "patient")
    arena.instance.run("person", "follow", arena.charlie, patient)
    name = "import sys; from egide.cloud.people.service import find; print(find(sys.argv[1]).pk)"
    key = arena.inside(name, patient).strip()
    with Browser(arena) as doctor:
        doctor.sign_in(arena.charlie)
        answer = doctor.get(f"/patients/{key}")
        held(answer.status_code == 200, f"who follows does not read: {answer.status_code}")
        yield "while it lasts: the record opens"
        arena.instance.run("person", "follow", arena.charlie, patient, "--end")
        answers = [doctor.get(path).status_code for path in (f"/patients/{key}", f"/fhir/Observation?patient={key}")]
        held(answers == [403, 403], f"after the end: {answers}")
        yield "the next request of the same session, after the end: 403, page and FHIR"
