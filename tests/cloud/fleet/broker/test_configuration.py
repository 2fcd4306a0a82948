"""The configuration names no secret, and each of our users can do its part alone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import nats.errors
import pytest

from egide.cloud.fleet.broker.configuration import BrokerFiles, broker_configuration
from egide.cloud.fleet.broker.secrets import USERS, make_broker_secrets, parse_broker_secrets
from egide.cloud.fleet.broker.stream import connect
from egide.cloud.options import Options
from egide.errors import ConfigError, UnavailableError

from .conftest import Ward

FILES = BrokerFiles(store=Path("/s"), certificate=Path("/c"), key=Path("/k"), ca=Path("/a"))


def test_no_secret_is_written() -> None:
    """Neither a seed nor the cipher key: the file can be read by anyone."""
    made = make_broker_secrets()
    text = broker_configuration(Options(), parse_broker_secrets(made), FILES)
    assert made["cipher"] not in text
    assert not any(key["seed"] in text for key in (made["issuer"], *made["users"].values()))
    assert all(made["users"][name]["public"] in text for name in USERS)


@pytest.mark.parametrize("path", ['/a"b', "/a\\b", "/a\nb"])
def test_a_path_that_would_end_its_quotes_is_refused(path: str) -> None:
    """A folder's name cannot add a setting."""
    files = BrokerFiles(store=Path(path), certificate=Path("/c"), key=Path("/k"), ca=Path("/a"))
    with pytest.raises(ConfigError):
        broker_configuration(Options(), parse_broker_secrets(make_broker_secrets()), files)


@pytest.mark.parametrize("interval", ["", "never", "0s", "1", 'always" }', "1s\n"])
def test_a_flush_interval_that_is_not_one_is_refused(interval: str) -> None:
    """No setting slips in through another."""
    with pytest.raises(ConfigError):
        broker_configuration(
            Options(broker_sync=interval), parse_broker_secrets(make_broker_secrets()), FILES
        )


FORBIDDEN = {
    "web": ["up.x", "down.x.answer", "$JS.API.STREAM.INFO.$MQTT_msgs", "$MQTT.msgs.up.x",
            "$JS.API.CONSUMER.MSG.NEXT.$MQTT_msgs.intake", "$SYS.REQ.SERVER.PING.CONNZ"],
    "intake": ["up.x", "$MQTT.msgs.up.x", "$JS.API.STREAM.DELETE.$MQTT_msgs", "intake.http",
               "$JS.API.STREAM.PURGE.$MQTT_msgs", "$JS.API.CONSUMER.DELETE.$MQTT_msgs.intake", "down.x.more"],
    "stream": ["$JS.API.STREAM.DELETE.$MQTT_msgs", "$JS.API.STREAM.PURGE.$MQTT_msgs", "down.x.answer",
               "$JS.API.STREAM.MSG.GET.$MQTT_msgs", "$JS.API.CONSUMER.MSG.NEXT.$MQTT_msgs.intake", "up.x"],
    "edge": ["up.x", "down.x.answer", "$SYS.REQ.USER.AUTH", "$SYS.REQ.SERVER.PING.CONNZ", "_R_.x", "x"],
    "system": ["$SYS.REQ.SERVER.PING.VARZ", "$SYS.REQ.ACCOUNT.APP.JSZ", "up.x", "$SYS.REQ.SERVER.x.RELOAD"],
}
SPIED = {
    "web": ["up.>", "down.>", "$MQTT.>", "intake.http", "_INBOX_intake.>", "_INBOX.>", ">"],
    "intake": ["up.>", "down.>", "$MQTT.>", "_INBOX_web.>", ">"],
    "stream": ["up.>", "$MQTT.>", "_INBOX_intake.>", ">"],
    "edge": ["$SYS.>", ">", "_INBOX_system.>"],
    "system": ["$SYS.>", ">", "$SYS.ACCOUNT.>"],
}


@pytest.mark.server
@pytest.mark.parametrize("user", USERS)
def test_each_user_can_do_its_part_alone(ward: Ward, user: str) -> None:
    """Every publish and every subscription beside its part is a violation that the broker reports."""
    refused: list[str] = []

    async def hear(err: Exception) -> None:
        refused.append(str(err).lower())

    async def attempt() -> None:
        client = await connect(ward.ground.broker.url, ward.ground.secrets, user, error_cb=hear)
        for subject in FORBIDDEN[user]:
            await client.publish(subject, b"")
        for subject in SPIED[user]:
            await client.subscribe(subject)
        await client.flush()
        async with asyncio.timeout(5):
            while len(refused) < len(FORBIDDEN[user]) + len(SPIED[user]):
                await asyncio.sleep(0.01)
        await client.close()

    ward.loop.run(attempt())
    for subject in FORBIDDEN[user]:
        assert any(f'publish to "{subject.lower()}"' in one for one in refused), subject
    for subject in SPIED[user]:
        assert any(f'subscription to "{subject.lower()}"' in one for one in refused), subject


@pytest.mark.server
def test_a_request_of_the_web_reaches_intake_and_comes_back(ward: Ward) -> None:
    """The way of an envelope that comes by HTTPS."""

    async def relay() -> bytes:
        async def reply(message: Any) -> None:
            await message.respond(b"answer to " + message.data)

        await intake.subscribe("intake.http", queue="intake", cb=reply)
        await intake.flush()
        return bytes((await web.request("intake.http", b"envelope", timeout=5)).data)

    intake, web = ward.client("intake"), ward.client("web")
    assert ward.loop.run(relay()) == b"answer to envelope"


@pytest.mark.server
def test_another_installations_keys_open_nothing(ward: Ward) -> None:
    """The broker knows the keys of its own broker.json."""
    others = parse_broker_secrets(make_broker_secrets())
    for user in USERS:
        with pytest.raises(UnavailableError):
            ward.loop.run(connect(ward.ground.broker.url, others, user))


@pytest.mark.server
def test_our_keys_do_not_open_the_objects_listener(ward: Ward) -> None:
    """Nobody answers a request without a certificate there, whatever it signs."""
    url = f"nats://127.0.0.1:{ward.ground.options.mqtt_port}"
    with pytest.raises((UnavailableError, nats.errors.Error, asyncio.TimeoutError)):
        ward.loop.run(connect(url, ward.ground.secrets, "intake", connect_timeout=1))
