"""broker.json: made whole, read strictly, never shown."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from egide.cloud.fleet.broker.secrets import (
    USERS,
    make_broker_secrets,
    parse_broker_secrets,
    write_broker_secrets,
)
from egide.errors import ConfigError


def swap(secrets: dict[str, Any]) -> None:
    users = secrets["users"]
    users["web"]["public"], users["edge"]["public"] = users["edge"]["public"], users["web"]["public"]


def share(secrets: dict[str, Any]) -> None:
    secrets["users"]["web"] = secrets["users"]["edge"]


def truncate(secrets: dict[str, Any]) -> None:
    secrets["issuer"]["seed"] = secrets["issuer"]["seed"][:-4]


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda s: s.pop("cipher"), id="no-cipher"),
        pytest.param(lambda s: s.update(cipher="AAAA"), id="short-cipher"),
        pytest.param(lambda s: s.update(cipher=7), id="cipher-not-text"),
        pytest.param(lambda s: s.update(more=1), id="unknown-field"),
        pytest.param(lambda s: s["users"].pop("web"), id="user-missing"),
        pytest.param(lambda s: s["users"].update(eve=s["users"]["web"]), id="user-unknown"),
        pytest.param(lambda s: s["users"].update(web=None), id="user-empty"),
        pytest.param(lambda s: s.update(issuer=s["users"]["web"]), id="issuer-of-another-kind"),
        pytest.param(lambda s: s["users"].update(web=s["issuer"]), id="user-of-another-kind"),
        pytest.param(swap, id="public-keys-swapped"),
        pytest.param(share, id="one-key-for-two"),
        pytest.param(truncate, id="seed-cut"),
    ],
)
def test_any_other_form_is_refused(damage: Callable[[dict[str, Any]], object]) -> None:
    """Nothing starts with secrets that are not exactly what was made."""
    secrets = make_broker_secrets()
    damage(secrets)
    with pytest.raises(ConfigError):
        parse_broker_secrets(json.dumps(secrets).encode())


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"\xff", b'{"users": [], "issuer": 1, "cipher": ""}'])
def test_any_other_file_is_refused(data: bytes) -> None:
    """With our error, whatever the bytes."""
    with pytest.raises(ConfigError):
        parse_broker_secrets(data)


def test_what_is_made_is_read_back_and_not_shown(tmp_path: Path) -> None:
    """Mode 0600, no seed in a repr, and an existing file is never replaced."""
    made, path = make_broker_secrets(), tmp_path / "broker.json"
    write_broker_secrets(path, made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = parse_broker_secrets(path.read_bytes())
    assert set(read.users) == set(USERS)
    assert read.users["web"].seed == made["users"]["web"]["seed"]
    assert not any(key["seed"] in repr(read) for key in (made["issuer"], *made["users"].values()))
    assert made["cipher"] not in repr(read)
    with pytest.raises(FileExistsError):
        write_broker_secrets(path, make_broker_secrets())


def test_two_installations_share_nothing() -> None:
    """Everything is drawn anew."""
    first, second = make_broker_secrets(), make_broker_secrets()
    assert first["cipher"] != second["cipher"]
    seeds = [{key["seed"] for key in made["users"].values()} for made in (first, second)]
    assert not seeds[0] & seeds[1]
