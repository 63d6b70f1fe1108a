"""What a user needs who only reads: docs/operations.md names it."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis
from pydantic import SecretStr

from deploy.servers import ValkeyServer
from features.errors import SettingsError
from features.feast_layout import state_field
from features.redis_store import RedisStore
from features.store import Birth, StateWrite

BIRTH = Birth(view="spend", view_hash="00ff", id="b1", join_keys=("customer",), cut={}, serving=True)
RIGHTS = "HMGET HGETALL HKEYS"


@pytest.mark.servers
async def test_who_only_reads_needs_no_right_to_write(valkey: ValkeyServer) -> None:
    """Nor to run scripts, which a writer's connection begins with."""
    writer = RedisStore("rights", valkey.settings)
    await writer.connect()
    await writer.write_birth(BIRTH)
    await writer.write_states("spend", "b1", [StateWrite(b"k", b"", b"state", [])])
    client = redis.Redis(host=valkey.host, port=valkey.port)
    own = valkey.settings.model_copy(update={"username": "reader", "password": SecretStr("sesame")})
    client.acl_setuser(
        "reader", enabled=True, passwords=["+sesame"], keys=["*"], commands=[f"+{c}" for c in RIGHTS.split()]
    )
    try:
        reader = RedisStore("rights", own, read_only=True)
        await reader.connect()
        assert (await reader.read_certificate()).births == (BIRTH,)
        assert await reader.read_fields([b"k"], [state_field("spend", "b1")]) == [[b"state"]]
        await reader.close()
        with pytest.raises(SettingsError, match="USERNAME"):
            await RedisStore("rights", own).connect()
    finally:
        client.acl_deluser("reader")
        client.close()
        await writer.close()
    assert f"`{RIGHTS}`" in (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
