"""TLS, users and passwords: what is wrong is named, by writer and reader alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from features.errors import MillstreamError, SettingsError, StoreUnavailableError
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Certificate
from tests.redis_servers import COMMANDS, PASSWORD, Authority, TlsRedisServer, client_of, needs_redis

pytestmark = [pytest.mark.servers, needs_redis]

Connect = Callable[[StoreSettings], Certificate]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedisServer]:
    with TlsRedisServer(tmp_path_factory.mktemp("tls")) as server:
        yield server


async def connect_to(store: RedisStore) -> Certificate:
    await store.connect()
    try:
        return await store.read_certificate()
    finally:
        await store.close()


def by_store(settings: StoreSettings) -> Certificate:
    return asyncio.run(connect_to(RedisStore("tls", settings)))


def by_reader(settings: StoreSettings) -> Certificate:
    return asyncio.run(connect_to(RedisStore("tls", settings, read_only=True)))


@pytest.fixture(params=[by_store, by_reader])
def connect(request: pytest.FixtureRequest) -> Connect:
    return request.param  # type: ignore[no-any-return]


def refused(connect: Connect, settings: StoreSettings) -> MillstreamError:
    with pytest.raises(MillstreamError) as caught:
        connect(settings)
    return caught.value


def name_of(error: MillstreamError) -> str:
    assert isinstance(error, SettingsError), repr(error)
    return error.name.removeprefix("MILLSTREAM_STORE__")


def test_the_authority_must_be_known(server: TlsRedisServer, connect: Connect, tmp_path: Path) -> None:
    """A certificate that another authority signed, or that the system does not know, is not trusted."""
    assert connect(server.settings) == Certificate()
    for ca_file in (Authority(tmp_path).ca_file, None):
        error = refused(connect, server.settings.model_copy(update={"ca_file": ca_file}))
        assert name_of(error) == "CA_FILE"
        assert f":{server.port} is not trusted" in str(error)


def test_the_server_must_have_the_name_that_it_is_called_by(server: TlsRedisServer, connect: Connect) -> None:
    """A certificate of the right authority for another host is not trusted."""
    error = refused(connect, server.settings.model_copy(update={"host": "localhost"}))
    assert name_of(error) == "CA_FILE"
    assert "localhost" in str(error)


def test_user_and_password_must_be_right(server: TlsRedisServer, connect: Connect) -> None:
    """Each wrong one is told, and so is none."""
    for wrong in ({"password": SecretStr("open")}, {"username": "nobody"}, {"username": None, "password": None}):
        assert name_of(refused(connect, server.settings.model_copy(update=wrong))) == "PASSWORD"


def test_a_user_without_rights_is_told_of_them(server: TlsRedisServer, connect: Connect) -> None:
    """The user is right, what it may do is not enough."""
    with client_of(server, **server.options) as client:
        client.execute_command("ACL", "SETUSER", "guest", "on", f">{PASSWORD}", "~*", "+hget")
    assert name_of(refused(connect, server.settings.model_copy(update={"username": "guest"}))) == "USERNAME"


def test_a_plain_port_is_no_tls_port(server: TlsRedisServer, connect: Connect) -> None:
    """Redis may answer the greeting with an error or wait for a line's end: each names TLS, in time."""
    error = refused(connect, server.settings.model_copy(update={"port": server.plain_port, "timeout_s": 0.5}))
    if isinstance(error, StoreUnavailableError):
        assert "is it a TLS port?" in str(error)
    else:
        assert name_of(error) == "TLS"


def test_a_tls_port_is_no_plain_port(server: TlsRedisServer, connect: Connect) -> None:
    """It ends the connection without a word, which is told."""
    error = refused(connect, StoreSettings(port=server.port))
    assert isinstance(error, StoreUnavailableError)
    assert "perhaps it speaks TLS" in str(error)


def test_a_server_may_ask_for_a_client_certificate(server: TlsRedisServer, connect: Connect, tmp_path: Path) -> None:
    """None, or one of another authority, is refused, by name where its word comes through; the right one is let in."""
    with client_of(server, **server.options) as client:
        client.config_set("tls-auth-clients", "yes")
        try:
            assert "CERT_FILE" in str(refused(connect, server.settings))
            for authority, welcome in ((Authority(tmp_path / "other"), False), (server.authority, True)):
                certificate, key = authority.issue("client")
                settings = server.settings.model_copy(update={"cert_file": certificate, "key_file": key})
                if welcome:
                    assert connect(settings) == Certificate()
                else:
                    assert "CERT_FILE" in str(refused(connect, settings))
        finally:
            client.config_set("tls-auth-clients", "optional")


def test_files_that_are_none_are_told(server: TlsRedisServer, connect: Connect, tmp_path: Path) -> None:
    """A missing file, one that is no PEM, and a key of another certificate."""
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    for ca_file in (rubbish, tmp_path / "none.pem"):
        assert name_of(refused(connect, server.settings.model_copy(update={"ca_file": ca_file}))) == "CA_FILE"
    certificate, _ = server.authority.issue("one")
    _, key = server.authority.issue("two")
    for key_file in (key, rubbish):
        pair = {"cert_file": certificate, "key_file": key_file}
        assert name_of(refused(connect, server.settings.model_copy(update=pair))) == "CERT_FILE"


def test_the_rights_that_a_user_needs_are_documented() -> None:
    """The contract of the store is kept by a user with these alone."""
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    assert f"`{' '.join(COMMANDS)}`" in page


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"ca_file": "ca.pem"}, "tls is off"),
        ({"tls": True, "cert_file": "client.pem"}, "come together"),
        ({"username": "millstream"}, "needs a password"),
        ({"cluster": "a:1", "sentinels": "b:2"}, "exclude each other"),
        ({"cluster": "a:1", "database": 2}, "no database"),
        ({"cluster": "a:1,b"}, "'b' is no address"),
        ({"sentinels": "a"}, "'a' is no address"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], problem: str) -> None:
    """Before anything is connected to."""
    with pytest.raises(ValueError, match=problem):
        StoreSettings.model_validate(settings)


def test_passwords_are_not_shown() -> None:
    """Settings stand in logs and tracebacks."""
    assert "sesame" not in repr(StoreSettings(password="sesame", sentinel_password="sesame"))
