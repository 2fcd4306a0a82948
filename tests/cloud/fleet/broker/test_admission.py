"""Who gets in, and what whoever is in can reach: with a real broker, real certificates and real MQTT."""

from __future__ import annotations

import socket
import ssl
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.broker import PATIENCE, TestCa, Thing, new_id, object_context, require

from .conftest import Ward

pytestmark = pytest.mark.server


def refused(thing: Thing) -> bool:
    """Try to connect: whether TLS, MQTT or nobody said no."""
    try:
        return thing.connect() != 0
    except OSError:
        return True


def test_an_object_publishes_to_its_topic_and_hears_its_answer(ward: Ward) -> None:
    """The way through: PUBACK, pull, answer."""
    alice = ward.connected()
    assert alice.subscribe(f"down/{alice.id}/#", qos=1) == 1
    assert alice.deliver(f"up/{alice.id}", b"envelope")
    [waiting] = ward.pull()
    assert (waiting.object_id, waiting.data, waiting.tries) == (alice.id, b"envelope", 1)
    ward.loop.run(waiting.ack())
    assert ward.inlet is not None
    ward.loop.run(ward.inlet.publish_answer(alice.id, b"receipt"))
    assert alice.received.get(timeout=PATIENCE) == (f"down/{alice.id}/answer", b"receipt")
    require(lambda: ward.kept() == 0)


@pytest.mark.parametrize(
    "topic",
    [
        "up/{bob}", "up", "up/{alice}/more", "down/{alice}/answer", "down/{bob}/answer",
        "$MQTT/msgs/up/{bob}", "intake/http", "$SYS/REQ/USER/AUTH", "$JS/API/STREAM/PURGE/$MQTT_msgs",
    ],
)
def test_a_publish_to_any_topic_but_its_own_reaches_nobody(ward: Ward, topic: str) -> None:
    """The broker drops it, whatever it acknowledges: the stream has nothing, the other hears nothing."""
    alice, bob = ward.connected(), ward.connected()
    assert bob.subscribe(f"down/{bob.id}/#", qos=1) == 1
    alice.deliver(topic.format(alice=alice.id, bob=bob.id), b"forged")
    if alice.left.is_set():
        alice = ward.connected()
    assert alice.deliver(f"up/{alice.id}", b"own")
    assert [waiting.data for waiting in ward.pull()] == [b"own"]
    assert bob.received.empty()


@pytest.mark.parametrize("qos", [0, 1])
@pytest.mark.parametrize(
    "topic",
    [
        "down/{bob}/#", "down/{bob}/answer", "down/+/answer", "down/#", "#", "+/#", "+/+", "+/+/+", "up/#",
        "up/{alice}", "$MQTT/#", "$MQTT/msgs/#", "$MQTT/sub/#", "$MQTT/sub/+", "$SYS/#", "$JS/#",
        "_INBOX_intake/#", "intake/http",
    ],
)
def test_a_subscription_beside_its_own_topic_hears_nothing(ward: Ward, topic: str, qos: int) -> None:
    """Neither another's answers, nor what anybody publishes, nor the broker's own subjects."""
    alice, bob = ward.connected(), ward.connected()
    assert bob.subscribe(f"down/{bob.id}/#", qos=1) == 1
    assert alice.subscribe(topic.format(alice=alice.id, bob=bob.id), qos=qos) >= 128
    assert bob.deliver(f"up/{bob.id}", b"envelope")
    assert len(ward.pull()) == 1
    assert ward.inlet is not None
    ward.loop.run(ward.inlet.publish_answer(bob.id, b"for Bob"))
    assert bob.received.get(timeout=PATIENCE)[1] == b"for Bob"
    assert alice.received.empty()


def test_without_a_certificate_nobody_connects(ward: Ward) -> None:
    """Anonymous: TLS itself refuses."""
    assert refused(ward.thing(None, new_id()))


def test_without_tls_nobody_connects(ward: Ward) -> None:
    """Plain text on the objects' port ends with no answer at all."""
    alice, _ = ward.enrol()
    assert refused(ward.thing(None, alice, tls=False))


def test_tls_1_2_is_refused(ward: Ward) -> None:
    """A downgrade ends in an alert, before any MQTT."""
    _, identity = ward.enrol()
    context = object_context(ward.ground.ca, identity)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", ward.ground.options.mqtt_port), PATIENCE) as plain:
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            context.wrap_socket(plain, server_hostname="localhost")


def test_a_certificate_of_another_ca_is_refused(ward: Ward, tmp_path: Path) -> None:
    """Even one that copies an enrolled object's name."""
    alice, _ = ward.enrol()
    stranger = TestCa(tmp_path / "other").object(alice)
    assert refused(ward.thing(stranger, alice))


def test_a_certificate_under_our_ca_that_was_not_enrolled_is_refused(ward: Ward) -> None:
    """The CA's signature is not enough: the certificate is looked up."""
    alice = new_id()
    assert refused(ward.thing(ward.ground.ca.object(alice), alice))


def test_a_servers_certificate_is_not_an_objects(ward: Ward) -> None:
    """Usage is checked by TLS: the server's own certificate opens nothing."""
    assert refused(ward.thing(ward.ground.ca.server(), "localhost"))


@pytest.mark.parametrize("client_id", ["", "someone", "{bob}", "{ALICE}", "{alice} "])
def test_a_client_id_that_is_not_the_objects_is_refused(ward: Ward, client_id: str) -> None:
    """So nobody takes over another's session with a certificate of one's own."""
    (alice, identity), (bob, _) = ward.enrol(), ward.enrol()
    name = client_id.format(alice=alice, ALICE=alice.upper(), bob=bob)
    assert refused(ward.thing(identity, name))


def test_an_expired_certificate_ends_its_connection(ward: Ward) -> None:
    """The word given to the broker ends with the certificate: TLS alone would let the connection live."""
    alice = ward.connected(life=timedelta(seconds=2))
    assert alice.left.wait(PATIENCE)


def test_without_an_answer_new_connections_are_refused_and_old_ones_live(ward: Ward) -> None:
    """With the edge down the broker says no by itself, and keeps who is in."""
    alice = ward.connected()
    bob, identity = ward.enrol()
    ward.close_edge()
    assert refused(ward.thing(identity, bob))
    assert alice.deliver(f"up/{alice.id}", b"still here")
    ward.open_edge()
    assert ward.thing(identity, bob).connect() == 0


def test_a_loopback_client_without_an_nkey_is_refused(ward: Ward) -> None:
    """The plain listener knows our users alone: a name, a password or nothing opens nothing."""
    for credentials in ("", '"user":"intake","pass":"intake",', '"auth_token":"x",'):
        with socket.create_connection(("127.0.0.1", ward.ground.broker.broker_port), PATIENCE) as plain:
            plain.sendall(b'CONNECT {%s"verbose":false,"protocol":1}\r\nPING\r\n' % credentials.encode())
            said = b""
            while chunk := plain.recv(4096):
                said += chunk
        assert b"Authorization Violation" in said
        assert b"PONG" not in said


@pytest.mark.parametrize("topic", ["down/{bob}/answer", "up/{bob}"])
def test_a_retained_message_to_another_is_not_kept(ward: Ward, topic: str) -> None:
    """Whoever subscribes later does not meet it either."""
    (bob, identity), alice = ward.enrol(), ward.connected()
    alice.send(topic.format(bob=bob), b"forged", retain=True)
    assert alice.deliver(f"up/{alice.id}", b"own")
    thing = ward.thing(identity, bob)
    assert thing.connect() == 0
    assert thing.subscribe(f"down/{bob}/#", qos=1) == 1
    assert [waiting.data for waiting in ward.pull()] == [b"own"]
    ward.loop.run(ward.client("intake").publish(f"down.{bob}.answer", b"after"))
    assert thing.received.get(timeout=PATIENCE)[1] == b"after"


@pytest.mark.parametrize("topic", ["down/{bob}/answer", "up/{bob}"])
def test_a_last_will_to_another_reaches_nobody(ward: Ward, topic: str) -> None:
    """The broker publishes a will with the rights of whoever left it."""
    bob = ward.connected()
    assert bob.subscribe(f"down/{bob.id}/#", qos=1) == 1
    alice, identity = ward.enrol()
    thing = ward.thing(identity, alice)
    thing.client.will_set(topic.format(bob=bob.id), b"forged", qos=1)
    thing.connect()
    ward.registry.revoked.add(alice)  # a kick is not a goodbye: the will is due
    assert thing.left.wait(PATIENCE)
    assert bob.deliver(f"up/{bob.id}", b"own")
    assert [waiting.data for waiting in ward.pull()] == [b"own"]
    ward.loop.run(ward.client("intake").publish(f"down.{bob.id}.answer", b"after"))
    assert bob.received.get(timeout=PATIENCE)[1] == b"after"


def test_a_session_is_its_owners_alone(ward: Ward) -> None:
    """A second connection of the same object ends the first, and no other object can have that name."""
    object_id, identity = ward.enrol()
    first, second = ward.thing(identity, object_id), ward.thing(identity, object_id)
    assert first.connect() == 0
    assert second.connect() == 0
    assert first.left.wait(PATIENCE)
    assert not second.left.is_set()
