"""A platform and a small ward of virtual objects, on this machine, from nothing."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import httpx
import typer

from egide.cli.django import setup
from egide.cli.errors import words
from egide.errors import EgideError

if TYPE_CHECKING:
    from egide.cloud.demo.cast import Cast
    from egide.cloud.options import Options
    from egide.things import Object
    from egide.things.virtual import VirtualObject

_DAY_MS: Final = 86_400_000
_PR_SET_PDEATHSIG: Final = 1


def demo(
    folder: Annotated[Path, typer.Option(help="Where everything of the demo lies.")] = Path(".demo"),
    objects: Annotated[int, typer.Option(help="How many virtual objects.", min=1, max=15)] = 15,
    days: Annotated[int, typer.Option(help="What they kept from before: so many days.", min=0, max=365)] = 90,
    speed: Annotated[float, typer.Option(help="They measure so many times as often.", min=0.1)] = 10.0,
    seconds: Annotated[float, typer.Option(help="Stop by itself after so long; 0: at Ctrl-C.", min=0)] = 0.0,
    with_parent: Annotated[int, typer.Option(help="Stop when this process, its parent, ends (Linux).", min=0)] = 0,
) -> None:
    """Start a platform and a small ward of virtual objects that replay real recordings. Ctrl-C stops everything.

    Example: egide demo

    Exit codes: 0 stopped, 2 a busy port or a setting, 5 the disk or a part that did not start.
    """
    if with_parent:
        _end_with(with_parent)
    os.environ["EGIDE_DEMO"] = "1"
    options = setup(folder / "data", folder / "keys")
    from egide.cloud.config.supervisor import Supervisor, stopped_by_signals

    say = _numbered()
    supervisor = Supervisor(options, say=say)
    stop = threading.Event()
    with ExitStack() as stack:
        stack.enter_context(stopped_by_signals(supervisor))
        stack.enter_context(supervisor)
        people = _people(folder)
        say(f"{len(people.patients)} patients, those who care for them, and those in charge")
        _remember_that_it_is_one(options)
        stack.enter_context(_Ward(folder, objects, days, speed, people, stop, say, supervisor))
        _invite(options, people)
        until = time.monotonic() + seconds if seconds else float("inf")
        supervisor.watch(until=lambda: time.monotonic() > until)
        words("egide: stopping")
        stop.set()


def _end_with(parent: int) -> None:
    """Be told to stop (SIGTERM) when the process that started us ends, even by kill -9."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        raise typer.BadParameter("the process that --with-parent names is not our parent, or it ended")


def _remember_that_it_is_one(options: Options) -> None:
    """So that every other command on this folder knows it."""
    settings = options.data / "egide.toml"
    if not settings.exists():
        settings.write_text("demo = true\n")


def _numbered() -> Any:
    step = iter(range(1, 1000))

    def say(text: str) -> None:
        words(f"egide: {next(step):2d}. {text}")

    return say


def _people(folder: Path) -> Cast:
    """The same people at each start: made once, remembered by their random user names."""
    from egide.cloud.demo.cast import Cast, stage

    kept = folder / "people.json"
    if kept.exists():
        return Cast(**json.loads(kept.read_text()))
    cast = stage(now_ms=time.time_ns() // 1_000_000)
    kept.write_text(json.dumps({"patients": cast.patients, "doctor": cast.doctor}))
    return cast


def _invite(options: Any, people: Cast) -> None:
    """The address to open, and links that sign in."""
    from egide.cloud.demo.cast import ALICE, DOCTOR
    from egide.cloud.people.service import find, link_address, make_link

    now_ms = time.time_ns() // 1_000_000
    base = f"http://{options.public_host}:{options.people_port}"
    words("")
    words(f"  Open                   {base}")
    words(f"  as anybody             {base}/demo/")
    words(f"  as {ALICE:<20}{link_address(base, make_link(find(people.patients[0]), now_ms))}")
    words(f"  as {DOCTOR:<20}{link_address(base, make_link(find(people.doctor), now_ms))}")
    words("  (each link signs in once, for ten minutes; another: egide person link NAME, with the demo's folders)")
    words("")
    words("egide: ready (Ctrl-C stops everything)")


class _Ward:
    """Virtual objects, each enrolled by its claim, each in a thread of its own."""

    def __init__(
        self, folder: Path, count: int, days: int, speed: float, people: Cast, stop: threading.Event, say: Any,
        supervisor: Any,
    ) -> None:  # fmt: skip
        from egide.cloud.demo.cast import PATIENTS
        from egide.things.virtual import VirtualObject

        self._names = list(PATIENTS)
        self._folder, self._people, self._stop, self._say = folder / "objects", people, stop, say
        self._supervisor = supervisor
        self._days = days
        kinds = [(kind, number) for number, kinds in enumerate(PATIENTS.values()) for kind in kinds]
        self._things = [VirtualObject(kind, patient_no=number, speed=speed) for kind, number in kinds[:count]]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> _Ward:
        for number, thing in enumerate(self._things):
            obj = self._object(number, thing)
            if obj is None:
                continue
            thread = threading.Thread(target=self._run, args=(obj, thing, number), daemon=True)
            self._threads.append(thread)
            thread.start()
            if self._supervisor.stopping:
                break
        self._say(f"{len(self._threads)} virtual objects measure, sign and send")
        self._trouble()
        return self

    def _trouble(self) -> None:
        """Once: a copied object, a refused message, a flood and a revocation, for the security officer to look at."""
        folder = self._folder / "copied"
        if folder.exists() or self._supervisor.stopping:
            return
        from egide.cli.trouble import make_trouble
        from egide.cloud.fleet.models import Trust
        from egide.cloud.fleet.service import create_claim, create_object, pair, revoke_object
        from egide.cloud.people.service import find

        now_ms = time.time_ns() // 1_000_000
        owner = create_object("Montre d’occasion", Trust.OBJECT, now_ms)
        pair(owner, find(self._people.patients[-1]), now_ms)
        claim = create_claim(owner, 3_600_000, now_ms).text()
        try:
            make_trouble(claim, folder, revoke=lambda: revoke_object(owner, "copied", time.time_ns() // 1_000_000))
            self._say("an object was copied, and revoked: the security officer sees it")
        except (EgideError, OSError, httpx.HTTPError) as err:
            self._say(f"the copied object: {type(err).__name__}")

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)

    def _object(self, number: int, thing: VirtualObject) -> Object | None:
        from egide.things import Object

        folder = self._folder / f"{number:02d}-{thing.profile_key}"
        try:
            if (folder / "state.json").exists() or any(folder.glob("*.pem")):
                return Object.open(folder, clock=thing.clock())
            obj = Object.enrol(self._claim(thing), folder=folder, clock=thing.clock())
            self._say(f"{thing.model} enrolled for {self._names[thing.patient_no]}")
            return obj
        except EgideError as err:
            self._say(f"{thing.model}: {err.code}: {err}")
            return None

    def _claim(self, thing: VirtualObject) -> str:
        from egide.cloud.fleet.models import Trust
        from egide.cloud.fleet.service import create_claim, create_object, pair
        from egide.cloud.people.service import find

        now_ms = time.time_ns() // 1_000_000
        owner = create_object(thing.model, Trust.OBJECT, now_ms)
        patient = find(self._people.patients[thing.patient_no])
        pair(owner, patient, now_ms, since_ms=now_ms - (self._days + 1) * _DAY_MS)
        return create_claim(owner, 3_600_000, now_ms).text()

    def _run(self, obj: Object, thing: VirtualObject, number: int) -> None:
        from egide.things.virtual import run

        with obj:
            try:
                if not obj.pairings:
                    obj.refresh(timeout=30)
                for readings in self._history(obj, thing, number):
                    obj.send(readings)
                    if self._stop.is_set():
                        return
                run(obj, thing, self._stop)
            except EgideError as err:
                self._say(f"{thing.model}: {err.code}: {err}")

    def _history(self, obj: Object, thing: VirtualObject, number: int) -> Iterator[Any]:
        """What it kept from before, once."""
        from egide.things.past import past

        done = self._folder / f"{number:02d}.past"
        if done.exists():
            return
        yield from past(thing, obj.clock.now_ms(), days=self._days)
        done.touch()
