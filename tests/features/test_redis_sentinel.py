"""The store by the name that Sentinels know, in a fail-over; see also tests/contracts and tests/faults."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from deploy.servers import ValkeyServer
from features.errors import SettingsError, StoreUnavailableError
from features.redis_store import RedisStore
from features.settings import StoreSettings
from features.store import Birth, StateWrite
from tests.redis_servers import PASSWORD, SERVICE, RedisSentinel, client_of, needs_redis

pytestmark = [pytest.mark.servers, needs_redis]

BIRTH = Birth(view="spend", view_hash="00ff", id="b1", cut={}, serving=True)
FOR_LONG_MS = 600_000


@pytest.mark.faults
def test_a_fail_over_is_a_lost_connection(tmp_path: Path) -> None:
    """The master dies; connecting again finds the new one, for writer and reader, and not the old one come back."""
    with RedisSentinel(tmp_path, FOR_LONG_MS) as guarded:

        async def live_through_it() -> None:
            store = RedisStore("guarded", guarded.settings)
            await store.connect()
            await store.write_birth(BIRTH)
            await store.write_states("spend", "b1", [StateWrite(b"k", b"", b"one", [b"f", b"1"])])
            reader = RedisStore("guarded", guarded.settings, read_only=True)
            await reader.connect()
            assert await reader.read_fields([b"k"], [b"f"]) == [[b"1"]]
            assert await asyncio.to_thread(replicated, guarded)
            guarded.master.kill()
            await asyncio.to_thread(guarded.fail_over)
            guarded.master.start()
            with pytest.raises(StoreUnavailableError):
                await store.write_states("spend", "b1", [StateWrite(b"k", b"one", b"two", [b"f", b"2"])])
            await store.connect()
            assert await store.write_states("spend", "b1", [StateWrite(b"k", b"one", b"two", [b"f", b"2"])]) == [None]
            await store.close()
            with pytest.raises(StoreUnavailableError):
                await reader.read_fields([b"k"], [b"f"])
            await reader.connect()
            assert await reader.read_fields([b"k"], [b"f"]) == [[b"2"]]
            await reader.close()

        asyncio.run(live_through_it())


def replicated(guarded: RedisSentinel) -> bool:
    """Whether the replica has all that the master was told so far."""
    with client_of(guarded.master) as master:
        master.set("the last write", "")
        return int(master.execute_command("WAIT", 1, 30_000)) == 1


def test_who_is_no_master_is_not_written(tmp_path: Path) -> None:
    """The Sentinel has not noticed yet that its master follows another; a password of its own is asked for."""
    with RedisSentinel(tmp_path, FOR_LONG_MS) as guarded:
        with client_of(guarded.replica) as replica, client_of(guarded.master) as master:
            replica.execute_command("REPLICAOF", "NO", "ONE")
            master.execute_command("REPLICAOF", guarded.replica.host, guarded.replica.port)
        with pytest.raises(StoreUnavailableError, match="is a slave now"):
            asyncio.run(RedisStore("guarded", guarded.settings).connect())
        with client_of(guarded.sentinel) as sentinel:
            sentinel.execute_command("ACL", "SETUSER", "default", "resetpass", f">{PASSWORD}")
        assert _problem(guarded.settings) == "MILLSTREAM_STORE__SENTINEL_PASSWORD"
        settings = guarded.settings.model_copy(update={"sentinel_password": SecretStr(PASSWORD)})
        with pytest.raises(StoreUnavailableError, match="is a slave now"):
            asyncio.run(RedisStore("guarded", settings).connect())
        strange = settings.model_copy(update={"sentinel_service": "strange"})
        assert _problem(strange) == "MILLSTREAM_STORE__SENTINEL_SERVICE"


def test_a_sentinel_that_is_none_is_a_wrong_setting(valkey: ValkeyServer) -> None:
    """An ordinary server is not asked for masters."""
    assert _problem(StoreSettings(sentinels=valkey.address, sentinel_service=SERVICE)) == "MILLSTREAM_STORE__SENTINELS"


def _problem(settings: StoreSettings) -> str:
    """Name of the setting that is wrong."""
    with pytest.raises((SettingsError, StoreUnavailableError)) as caught:
        asyncio.run(RedisStore("guarded", settings).connect())
    return caught.value.name if isinstance(caught.value, SettingsError) else str(caught.value)
