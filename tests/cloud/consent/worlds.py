"""Small worlds in which to decide: few people, few instants, so that random cases meet often."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, Final

from hypothesis import strategies as st

from egide.cloud.consent.facts import (
    Emergency,
    Facts,
    Follow,
    Grant,
    Holder,
    Opposition,
    Participation,
    Representation,
    Restriction,
    Secret,
    Span,
    Window,
)
from egide.cloud.consent.rules import EMERGENCY_MS, FORBIDDEN_PURPOSES, FORBIDDEN_SECTORS, PURPOSES, Question

READERS = ("p", "r", "s")
PLACES = ("here", "there")
FAMILIES = ("heart", "glucose", "weight")
ROLES = ("patient", "professional", "relative", "operator", "app", "")
SERVED = tuple(sorted(frozenset().union(*PURPOSES.values())))
TIMES = (0, 1, 2, 3, 4, 5, EMERGENCY_MS, EMERGENCY_MS + 2)

times = st.sampled_from(TIMES)
ends = st.none() | times
ids = st.sampled_from(("a", "b", "c"))
readers = st.sampled_from(READERS)
families = st.none() | st.frozensets(st.sampled_from(FAMILIES), min_size=1)
windows = st.builds(Window, families=families, since_ms=ends, until_ms=ends)
spans = st.builds(Span, since_ms=times, until_ms=ends)
holders = st.one_of(
    st.builds(Holder, kind=st.just("account"), id=readers),
    st.builds(Holder, kind=st.just("app"), id=readers),
    st.builds(Holder, kind=st.just("establishment"), id=st.sampled_from(PLACES)),
    st.builds(Holder, kind=st.just("team"), id=st.sampled_from(("f", "g"))),
)
purposes = st.sampled_from(SERVED) | st.sampled_from(sorted(FORBIDDEN_PURPOSES)) | st.sampled_from(["HOPERAT", ""])


def few(made: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    """Two at most, with different ids where they have one."""

    def key(thing: Any) -> object:
        return getattr(thing, "id", None) or repr(thing)

    return st.lists(made, max_size=2, unique_by=key).map(tuple)


PATIENT = st.just("p")
facts = st.builds(
    Facts,
    patient=PATIENT,
    follows=few(
        st.builds(
            Follow, patient=PATIENT, professional=readers, since_ms=times, until_ms=ends,
            follow_up=st.sampled_from(("", "f")),
        )
    ),
    oppositions=few(
        st.builds(
            Opposition, since_ms=times, until_ms=ends, follow_up=st.sampled_from(("", "f")),
            professional=st.sampled_from(("", "r")),
        )
    ),
    grants=few(
        st.builds(
            Grant, id=ids, patient=PATIENT, holder=holders, purpose=purposes, data=windows, since_ms=times,
            until_ms=ends,
        )
    ),
    representations=few(
        st.builds(
            Representation, id=ids, patient=PATIENT, representative=readers, nature=st.just("parent"),
            deed=st.just(""), since_ms=times, until_ms=ends, adult_ms=ends, suspended=few(spans),
        )
    ),
    secrets=few(
        st.builds(
            Secret, families=st.frozensets(st.sampled_from(FAMILIES), min_size=1), since_ms=times, until_ms=ends
        )
    ),
    participations=few(
        st.builds(
            Participation, id=ids, patient=PATIENT, project=st.just("x"), holder=holders, data=windows,
            since_ms=times, until_ms=ends,
        )
    ),
    emergencies=few(
        st.builds(
            Emergency, id=ids, patient=PATIENT, reader=readers, reason=st.just(""), data=windows, since_ms=times,
            until_ms=times,
        )
    ),
    refusals=few(spans),
    restrictions=few(
        st.builds(
            Restriction, id=ids, patient=PATIENT, who=st.just(Holder(kind="everyone")) | holders, data=windows,
            since_ms=times, until_ms=ends,
        )
    ),
    died_ms=st.sampled_from([None, None, None, 0, 4]),
    damaged=st.sampled_from([False, False, False, True]),
)  # fmt: skip

everything = st.just(frozenset[str]())
_shape = {
    "at_ms": times,
    "families": everything | st.frozensets(st.sampled_from(FAMILIES)),
    "since_ms": st.sampled_from([0, 2]),
    "until_ms": st.sampled_from([0, 3, 2**53]),
    "export": st.booleans(),
    "establishments": st.frozensets(st.sampled_from(PLACES)),
    "barred": st.frozensets(st.sampled_from(PLACES)),
    "left": st.frozensets(st.sampled_from(PLACES)),
}
wild = st.builds(
    Question, reader=readers, role=st.sampled_from(ROLES), patient=st.sampled_from(["p", "q"]), purpose=purposes,
    sector=st.sampled_from(["", "clinic", *sorted(FORBIDDEN_SECTORS)]), **_shape,
)  # fmt: skip
_usual = st.one_of(
    st.tuples(st.just("p"), st.just("patient"), st.just("PATRQT")),
    st.tuples(readers, st.just("professional"), st.sampled_from(["TREAT", "TREAT", "ETREAT", "HRESCH", "SUPNWK"])),
    st.tuples(readers, st.sampled_from(["relative", "app", "patient"]), st.sampled_from(SERVED)),
)
usual = _usual.flatmap(
    lambda who: st.builds(
        Question, reader=st.just(who[0]), role=st.just(who[1]), patient=PATIENT, purpose=st.just(who[2]), **_shape
    )
)
questions = usual | wild


class Dice:
    """The same worlds by plain dice: thousands in a second, most of them near a yes."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def _one(self, *of: Any) -> Any:
        return self._rng.choice(of)

    def _few(self, make: Callable[[int], Any], most: int = 2) -> tuple[Any, ...]:
        return tuple(make(n) for n in range(self._rng.randrange(most + 1)))

    def _span(self) -> dict[str, Any]:
        return {"since_ms": self._one(*TIMES[:4]), "until_ms": self._one(None, None, *TIMES)}

    def _families(self) -> frozenset[str]:
        return frozenset(self._rng.sample(FAMILIES, self._rng.randrange(1, 4)))

    def _window(self) -> Window:
        return Window(
            families=self._one(None, self._families()), since_ms=self._one(None, None, *TIMES),
            until_ms=self._one(None, None, *TIMES),
        )  # fmt: skip

    def _holder(self) -> Holder:
        kind = self._one("account", "account", "app", "establishment", "team")
        ids = {"establishment": PLACES, "team": ("f",)}.get(kind, ("r", *READERS))
        return Holder(kind=kind, id=self._one(*ids))

    def facts(self) -> Facts:
        one, span, few = self._one, self._span, self._few
        p: dict[str, Any] = {"patient": "p"}
        return Facts(
            patient="p",
            follows=few(lambda _: Follow(**p, professional=one("r", *READERS), follow_up=one("", "f"), **span())),
            oppositions=few(
                lambda _: Opposition(follow_up=one("", "f"), professional=one("", "r"), **span()), most=1
            ),
            grants=few(
                lambda n: Grant(
                    id=str(n), **p, holder=self._holder(), purpose=one(*_GRANTED), data=self._window(), **span()
                )
            ),
            representations=few(
                lambda n: Representation(
                    id=str(n), **p, representative=one("r", *READERS), nature="parent", deed="",
                    adult_ms=one(None, *TIMES), suspended=few(lambda _: Span(**span())), **span(),
                )
            ),
            secrets=few(lambda _: Secret(families=self._families(), **span())),
            participations=few(
                lambda n: Participation(
                    id=str(n), **p, project="x", holder=self._holder(), data=self._window(), **span()
                )
            ),
            emergencies=few(
                lambda n: Emergency(
                    id=str(n), **p, reader=one("r", *READERS), reason="", data=self._window(), since_ms=one(0, 1),
                    until_ms=one(*TIMES, 2**50),
                )
            ),
            refusals=few(lambda _: Span(**span()), most=1),
            restrictions=few(
                lambda n: Restriction(
                    id=str(n), **p, who=one(Holder(kind="everyone"), self._holder()), data=self._window(), **span()
                ),
                most=3,
            ),
            died_ms=one(None, None, None, None, 0, 4),
            damaged=one(*[False] * 7, True),
        )  # fmt: skip

    def question(self) -> Question:
        one = self._one
        role, purpose = one(*_LIKELY)
        if one(*[False] * 4, True):
            role, purpose = one(*ROLES), one(*SERVED, "HMARKT", "HOPERAT", "")
        return Question(
            reader="p" if purpose == "PATRQT" else one("r", "r", "s", "p"), role=role,
            patient=one(*["p"] * 9, "q"), purpose=purpose, at_ms=one(*TIMES),
            families=one(frozenset(), self._families()), since_ms=one(0, 0, 2), until_ms=one(2**53, 2**53, 0, 3),
            export=one(True, False, False), sector=one(*[""] * 9, "clinic", "bank"),
            establishments=frozenset(one((), ("here",), PLACES)), barred=frozenset(one((), (), (), ("there",))),
            left=frozenset(one((), (), ("there",), ("here",))),
        )  # fmt: skip


_GRANTED: Final = ("SUPNWK", "CAREMGT", "PATRQT", "TREAT", "HMARKT")
_LIKELY: Final = [
    ("patient", "PATRQT"), ("professional", "TREAT"), ("professional", "TREAT"), ("professional", "ETREAT"),
    ("professional", "ETREAT"), ("professional", "HRESCH"), ("app", "HRESCH"), ("relative", "FAMRQT"),
    ("relative", "PWATRNY"), ("relative", "SUPNWK"), ("app", "PATRQT"), ("professional", "CAREMGT"),
]  # fmt: skip
