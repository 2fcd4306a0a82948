"""Settings: where they come from, what is refused, and that no secret is one."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from egide.cloud.options import Options, load
from egide.errors import ConfigError, KeyMissingError


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No setting of the test run's own, and nothing remembered."""
    for field in dataclasses.fields(Options):
        monkeypatch.delenv(f"EGIDE_{field.name.upper()}", raising=False)
    monkeypatch.setenv("EGIDE_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    load.cache_clear()
    yield
    load.cache_clear()


def write(tmp_path: Path, text: str) -> None:
    (tmp_path / "data" / "egide.toml").write_text(text)


def test_every_setting_says_what_it_is_and_none_is_a_secret() -> None:
    """A name, a default and a line of help; a key or a password has no place here."""
    for field in dataclasses.fields(Options):
        assert field.metadata["help"]
        assert not {"password", "secret", "token", "seed"} & set(field.name.split("_"))


def test_without_anything_the_folders_are_the_person_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """XDG's folders when they are set, else the home's; keys apart from data; nothing listens outside."""
    monkeypatch.delenv("EGIDE_DATA")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "d"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "c"))
    options = load()
    assert (options.data, options.keys) == (tmp_path / "d/egide", tmp_path / "c/egide/keys")
    assert options.listen == "127.0.0.1"
    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load.cache_clear()
    options = load()
    assert (options.data, options.keys) == (
        tmp_path / "home/.local/share/egide", tmp_path / "home/.config/egide/keys",
    )  # fmt: skip


def test_the_environment_then_the_file_then_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each setting has the first of the three that gives it."""
    write(tmp_path, 'people_port = 9001\nobjects_port = 9002\npublic_host = "egide.example"\nhosts = ["a", "b"]\n')
    monkeypatch.setenv("EGIDE_OBJECTS_PORT", "9102")
    options = load()
    assert (options.people_port, options.objects_port, options.mqtt_port) == (9001, 9102, 8883)
    assert (options.public_host, options.hosts) == ("egide.example", ("a", "b"))


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("people_https", "yes", True), ("people_https", "TRUE", True), ("people_https", "0", False),
        ("people_https", "on", True), ("people_https", "Off", False), ("people_https", "no", False),
        ("hosts", "a.example,b.example,", ("a.example", "b.example")), ("certificate_days", "7", 7),
        ("nats_server", "/opt/nats", "/opt/nats"),
    ],
)  # fmt: skip
def test_text_becomes_what_the_setting_is(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, value: object
) -> None:
    """Numbers, yes and no, lists, texts."""
    monkeypatch.setenv(f"EGIDE_{name.upper()}", text)
    assert getattr(load(), name) == value


@pytest.mark.parametrize(
    ("name", "text"), [("people_https", "oui"), ("people_https", "2"), ("people_https", ""), ("certificate_days", "x")]
)
def test_a_setting_that_cannot_be_read_is_named_and_not_guessed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, text: str
) -> None:
    """Neither yes nor no is not a no; from the environment or the file, the message says which setting."""
    monkeypatch.setenv(f"EGIDE_{name.upper()}", text)
    with pytest.raises(ConfigError, match=name):
        load()
    monkeypatch.delenv(f"EGIDE_{name.upper()}")
    write(tmp_path, f'{name} = "{text}"\n')
    with pytest.raises(ConfigError, match=name):
        load()


@pytest.mark.parametrize("rate", ["0", "-1"])
def test_a_rate_that_lets_nothing_in_is_refused(monkeypatch: pytest.MonkeyPatch, rate: str) -> None:
    """It would divide by nothing at the first envelope."""
    monkeypatch.setenv("EGIDE_INTAKE_RATE", rate)
    with pytest.raises(ConfigError, match="intake_rate"):
        load()


@pytest.mark.parametrize("listen", ["0.0.0.0", "::", "192.0.2.7", "egide.example"])
def test_other_machines_reach_nothing_without_https(monkeypatch: pytest.MonkeyPatch, listen: str) -> None:
    """A listener that is open to others needs people_https; the refusal says what to do."""
    monkeypatch.setenv("EGIDE_LISTEN", listen)
    with pytest.raises(ConfigError) as refused:
        load()
    assert "people_https" in refused.value.hint
    monkeypatch.setenv("EGIDE_PEOPLE_HTTPS", "true")
    assert load().listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"])
def test_this_machine_needs_no_https(monkeypatch: pytest.MonkeyPatch, listen: str) -> None:
    """A loopback address, by number or by name."""
    monkeypatch.setenv("EGIDE_LISTEN", listen)
    assert load().listen == listen


def test_a_folder_is_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Wherever a process of the platform stands later."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EGIDE_KEYS", "keys")
    assert load().keys == tmp_path / "keys"
    monkeypatch.setenv("EGIDE_KEYS", "~/keys")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    load.cache_clear()
    assert load().keys == tmp_path / "home/keys"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("people_prt = 1\n", id="unknown-setting"),
        pytest.param('data = "/elsewhere"\n', id="the-file-cannot-move-itself"),
        pytest.param("people_port = \n", id="not-toml"),
        pytest.param('people_port = "many"\n', id="not-a-number"),
        pytest.param("people_port = [1]\n", id="a-list"),
    ],
)
def test_a_file_with_a_mistake_is_refused_whole(tmp_path: Path, text: str) -> None:
    """Rather than a platform that runs with half of what was meant."""
    write(tmp_path, text)
    with pytest.raises(ConfigError):
        load()


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    """Not text at all."""
    (tmp_path / "data" / "egide.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError):
        load()


@pytest.mark.parametrize("inside", ["", "keys", "deep/keys"])
def test_keys_never_lie_in_the_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, inside: str) -> None:
    """Who copies the data would copy the keys."""
    monkeypatch.setenv("EGIDE_KEYS", str(tmp_path / "data" / inside))
    with pytest.raises(ConfigError):
        load()


def test_no_database_is_sqlite_in_the_data_folder(tmp_path: Path) -> None:
    """With our own backend, set to survive a power cut."""
    entry = Options(data=tmp_path).database()
    assert (entry["ENGINE"], entry["NAME"]) == ("egide.cloud.config.sqlite", str(tmp_path / "egide.sqlite3"))


@pytest.mark.parametrize(
    ("url", "host", "port", "user"),
    [
        ("postgresql://egide@db.example:5433/egide?sslmode=verify-full", "db.example", "5433", "egide"),
        ("postgresql://egide@127.0.0.1:5433/egide", "127.0.0.1", "5433", "egide"),
        ("postgres:///egide", "", "", ""),
        ("postgresql://egide@/egide?host=/run/pg&port=7", "/run/pg", "7", "egide"),
    ],
)
def test_a_database_s_address_is_understood(url: str, host: str, port: str, user: str) -> None:
    """A network or a socket; none is kept after a request, whose thread ends with it."""
    entry = Options(database_url=url).database()
    assert (entry["NAME"], entry["HOST"], entry["PORT"], entry["USER"]) == ("egide", host, port, user)
    assert entry["CONN_MAX_AGE"] == 0
    assert "PASSWORD" not in entry


@pytest.mark.parametrize("mode", ["", "?sslmode=prefer", "?sslmode=require", "?sslmode=verify-ca", "?host=db.example"])
def test_a_database_elsewhere_is_reached_by_tls_that_checks_who_it_is(mode: str) -> None:
    """Nothing weaker: who stands between would read every row, and could answer in the database's place."""
    with pytest.raises(ConfigError) as refused:
        Options(database_url=f"postgresql://egide@db.example/egide{mode}").database()
    assert "verify-full" in str(refused.value)


def test_the_certificate_s_authority_may_be_one_s_own() -> None:
    """What the address says of TLS reaches the driver."""
    url = "postgresql://egide@db.example/egide?sslmode=verify-full&sslrootcert=/etc/ca.pem"
    assert Options(database_url=url).database()["OPTIONS"] == {
        "sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"
    }  # fmt: skip


@pytest.mark.parametrize("url", ["mysql://a/b", "postgresql://host", "postgresql://host/", "egide",
                                 "postgresql://egide:secret@host/egide"])  # fmt: skip
def test_an_address_we_cannot_use_is_refused(url: str) -> None:
    """Another engine, no name, or a password, which is not a setting; the message does not repeat it."""
    with pytest.raises(ConfigError) as refused:
        Options(database_url=url).database()
    assert "secret" not in str(refused.value)


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:
    """Missing, or of another mode than 0600: said by its name."""
    options = Options(keys=tmp_path)
    with pytest.raises(KeyMissingError, match=r"tls\.key is missing"):
        options.read_key("tls.key")
    file = tmp_path / "tls.key"
    file.write_bytes(b"k")
    for mode in (0o640, 0o604, 0o660):
        file.chmod(mode)
        with pytest.raises(KeyMissingError, match="0600"):
            options.read_key("tls.key")
    for mode in (0o600, 0o400):
        file.chmod(mode)
        assert options.read_key("tls.key") == b"k"


def test_without_its_key_the_web_has_a_secret_that_nobody_knows(tmp_path: Path) -> None:
    """Never a constant: two processes without the key share no session."""
    options = Options(keys=tmp_path)
    assert options.web_secret() != options.web_secret()
    (tmp_path / "web.key").write_bytes(b"\1" * 32)
    (tmp_path / "web.key").chmod(0o600)
    assert options.web_secret() == "01" * 32


def test_a_web_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    """Only a key that is not made yet is replaced for a while: any other trouble is said."""
    file = tmp_path / "web.key"
    file.write_bytes(b"\1" * 32)
    file.chmod(0o644)
    with pytest.raises(KeyMissingError, match="0600"):
        Options(keys=tmp_path).web_secret()


def test_people_are_sent_where_their_forms_are_taken_from() -> None:
    """Behind HTTPS the address of a sign-in link is one of the origins that may post; alone, it is our own port."""
    front = Options(people_https=True, public_host="egide.example")
    assert front.people_address() == "https://egide.example"
    assert front.people_address() in front.people_origins()
    assert Options(people_port=8123).people_address() == "http://localhost:8123"
