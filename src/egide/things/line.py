"""The object's line to its platform: its connections, and what is done over them now and then.

time      every 6 hours    a signed time, for the clock
page      every hour       the object's pairings, the broker's address
renewal   every hour       a new certificate, from two thirds of the old one's life
watch     every hour       new epochs of the register, and its newest checkpoint
tidy      every hour       sign what waited for a certificate, remove what was receipted 30 days ago
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Literal

from egide.errors import ConfigError, IdentityError, NotFoundError, RollbackError, UnavailableError
from egide.measure.readings import Readings, decode_readings
from egide.things.clock import ObjectClock
from egide.things.courier import Chore, Courier, Door, Pipe
from egide.things.epochs import follow
from egide.things.folder import Folder, State
from egide.things.https import Https
from egide.things.identity import Identity
from egide.things.memory import Exposure, Memory, link, sizes_to_link
from egide.things.mqtt import Mqtt
from egide.things.outbox import Item, Outbox
from egide.things.pinned import client_context, require_in_force
from egide.things.schedule import Random
from egide.things.settle import Settler
from egide.things.store import Store
from egide.trust.cose import X5CHAIN, Sign1
from egide.trust.envelope import sign_readings, uuid_of
from egide.trust.limits import LIMITS
from egide.trust.register.checkpoint import LOG, VerifierKey, verify_checkpoint
from egide.trust.servertime import verify_time

__all__ = ["Line", "Transport", "set_clock"]

Transport = Literal["auto", "mqtt", "https"]

_HOUR_MS: Final = 3_600_000
_MQTT_PATIENCE_MS: Final = 30_000


def set_clock(https: Https, clock: ObjectClock, root: bytes) -> tuple[bytes, ...]:
    """Ask the platform for the time and take it; returns the platform's chain (DER, leaf first).

    Raises as `verify_time`, and UnavailableError.
    """
    nonce, asked = os.urandom(32), clock.running_ms()
    answer = https.time(nonce)
    server = verify_time(answer, nonce=nonce, roots=[root])
    clock.set(server.unix_ms, asked_ms=asked, answered_ms=clock.running_ms())
    return tuple(Sign1.parse(answer, header_limit=LIMITS.protected_chain).header[X5CHAIN])


class Line:
    """Owned by an `Object`; `courier.step()` does all the work, from one thread."""

    def __init__(
        self,
        folder: Folder,
        state: State,
        store: Store,
        clock: ObjectClock,
        *,
        random: Random,
        transport: Transport,
        changed: Callable[[], None],
    ) -> None:
        root = folder.root()
        if root is None:
            raise ConfigError("this folder has no pinned CA: enrol again")
        self.state, self.outbox, self.memory = state, Outbox(store), Memory(store)
        self._folder, self._store, self._clock, self._root = folder, store, clock, root
        self._transport, self._changed = transport, changed
        self.identity = Identity(folder, state, root, random)
        self._chain: tuple[bytes, ...] = ()
        #: time, register, and what an expired object brings: nobody's certificate is shown there
        self._public = Https(state.url, client_context([root]), on_connection=self._judge)
        self._https = self._connect_https()
        self._mqtt: Mqtt | None = None
        self._mqtt_since = clock.running_ms()
        if (anchors := folder.anchors()) is not None:
            self.memory.pin(anchors.logs)
        self.courier = Courier(
            outbox=self.outbox,
            settler=Settler(
                store, self.outbox, self.memory, fetch_paths=self._paths, learn_epochs=self._learn_epochs
            ),
            door=self._door,
            pipe=self._pipe,
            running_ms=clock.running_ms,
            now_ms=clock.now_ms,
            random=random,
            chores=[
                Chore(name="time", work=self._time),
                Chore(name="page", work=self._page),
                Chore(name="renewal", work=self._renew),
                Chore(name="watch", work=self._watch),
                Chore(name="tidy", work=self._tidy),
            ],
        )

    def close(self) -> None:
        if self._mqtt is not None:
            self._mqtt.stop()
        self._https.close()
        self._public.close()
        self.identity.close()

    @property
    def connected(self) -> bool:
        return self._mqtt is not None and self._mqtt.ready

    # What is sent

    def keep(self, readings: Readings, pairing: str, payload: bytes) -> Item | None:
        """Sign and keep readings; None when no certificate in force can sign them: they are kept as they
        are.
        """
        if not self._can_sign():
            self.outbox.draft(pairing, payload)
            return None
        return self.outbox.add(self._key(), self._sign(readings, pairing), now_ms=self._clock.now_ms())

    def _can_sign(self) -> bool:
        return self.identity.usable(self._clock.now_ms(), synchronised=self._clock.synchronised)

    def _key(self) -> bytes:
        return self.identity.signer.public_key.thumbprint

    def _sign(self, readings: Readings, pairing: str) -> Callable[[int], bytes]:
        issued = self.identity.signing
        if issued is None:
            raise UnavailableError("the signing key has no certificate yet")
        certificate = issued.certificate.sha256

        def sign(seq: int) -> bytes:
            return sign_readings(
                readings,
                signer=self.identity.signer,
                certificate=certificate,
                object_id=self.state.uuid,
                pairing_id=pairing,
                iat=self._clock.now_ms() // 1000,
                cti=os.urandom(16),
                seq=seq,
                clock=self._clock.story(),
            )

        return sign

    # The connections

    def _context(self) -> ssl.SSLContext:
        return client_context([self._root], certificate=self._folder.certificate, key=self._folder.key)

    def _connect_https(self) -> Https:
        return Https(self.state.url, self._context(), on_connection=self._judge)

    def _judge(self, connection: ssl.SSLObject | ssl.SSLSocket) -> None:
        """A server's dates are judged by the platform's time, once it was read."""
        if self._clock.synchronised:
            require_in_force(connection, self._clock.now_ms())

    def _reconnect(self) -> None:
        self._https.close()
        self._https = self._connect_https()
        self._drop_mqtt()

    def _drop_mqtt(self) -> None:
        if self._mqtt is not None:
            self._mqtt.stop()
            self._mqtt = None

    def _pipe(self) -> Pipe | None:
        if self._transport == "https" or self.state.mqtt is None:
            return None
        if self._mqtt is None:
            host, port = self.state.mqtt
            self._mqtt = Mqtt(
                host,
                port,
                self.state.uuid,
                self._context(),
                on_answer=self._answered,
                on_change=self._moved,
                on_connection=self._judge,
            )
            self._mqtt_since = self._clock.running_ms()
            self._mqtt.start()
        return self._mqtt

    def _door(self) -> Door | None:
        if self._transport == "mqtt":
            return None
        waited = self._clock.running_ms() - self._mqtt_since >= _MQTT_PATIENCE_MS
        if self._transport == "auto" and self.state.mqtt is not None and not waited:
            return None
        return self

    def intake(self, envelope: bytes) -> bytes:
        """Send by HTTPS. An object whose certificate is over does not show it: its envelope is signed anyway."""
        until = self.identity.transport.certificate.not_after_ms
        if self._clock.synchronised and self._clock.now_ms() > until:
            return self._public.intake(envelope)
        try:
            return self._https.intake(envelope)
        except IdentityError:
            return self._public.intake(envelope)

    def _answered(self, answer: bytes) -> None:
        self.courier.answered(answer)
        self._changed()

    def _moved(self, ready: bool) -> None:
        if not ready:
            self._mqtt_since = self._clock.running_ms()
        self._changed()

    # The register

    def _paths(self, uri: str, sizes: Sequence[int]) -> dict[tuple[int, int], list[bytes]]:
        return self._public.consistency(uuid_of(uri), sizes)

    def _learn_epochs(self) -> None:
        with suppress(NotFoundError):
            follow(
                self._public.epochs(),
                store=self._store,
                memory=self.memory,
                outbox=self.outbox,
                roots=[self._root],
                chain=self._chain,
                fetch_paths=self._paths,
                now_ms=self._clock.now_ms(),
            )

    # The chores

    def _time(self) -> int:
        self._chain = set_clock(self._public, self._clock, self._root)
        return 6 * _HOUR_MS

    def _page(self) -> int:
        page = self._https.page()
        if self._folder.anchors() is None:
            self._folder.keep_anchors(page.anchors)
        self.memory.pin(page.anchors.logs)
        before = self.state.mqtt
        self.state = self._folder.with_page(self.state, pairings=page.pairings, mqtt=page.mqtt)
        if before != self.state.mqtt:
            self._drop_mqtt()
        return _HOUR_MS

    def _renew(self) -> int:
        if self._clock.synchronised:
            now = self._clock.now_ms()
            self.identity.certify_token(self._https, at_ms=now)
            if self.identity.renew_if_due(self._https, now_ms=now):
                self._reconnect()
        return _HOUR_MS

    def _watch(self) -> int:
        self._learn_epochs()
        logs = self.memory.logs()
        if logs:
            log = logs[-1]
            note = self._public.checkpoint(uuid_of(log.uri))
            head = verify_checkpoint(note, VerifierKey(name=log.origin, kind=LOG, public=log.public)).head
            sizes = sizes_to_link(log.head, [head])
            try:
                paths = self._paths(log.uri, sizes) if len(sizes) > 1 else {}
                self.memory.remember(log.uri, link(log.head, [head], paths))
            except (NotFoundError, RollbackError) as err:
                self.memory.expose(
                    Exposure(
                        at_ms=self._clock.now_ms(),
                        log=log.uri,
                        what="rolled-back",
                        remembered=log.head,
                        shown=(head,),
                        document=note,
                    )
                )
                if isinstance(err, RollbackError):
                    raise
                raise RollbackError("the log cannot show a tree that it signed", step="consistency") from err
        return _HOUR_MS

    def _tidy(self) -> int:
        if self._can_sign():
            for draft in self.outbox.drafts():
                sign = self._sign(decode_readings(draft.payload), draft.pairing)
                self.outbox.sign_draft(draft, self._key(), sign, now_ms=self._clock.now_ms())
        if self._clock.synchronised:  # a clock that jumped must not empty the outbox
            self.outbox.purge(now_ms=self._clock.now_ms())
        return _HOUR_MS
