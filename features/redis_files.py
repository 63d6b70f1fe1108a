"""What a Redis server keeps on disk of what was deleted: its files, written anew on request."""

from __future__ import annotations

import asyncio
from typing import Final

from features.errors import StoreUnavailableError
from features.redis_link import RedisLink

DEADLINE_S: Final = 600.0
LOOK_S: Final = 0.05


async def rewrite_files(server: RedisLink) -> None:
    """Have the append-only file, and the snapshot where one is kept, written anew, and wait until they are.

    Raises StoreUnavailableError when the server does not allow it, fails, or takes longer than `DEADLINE_S`.
    """
    facts = await _persistence(server)
    appends = facts.get("aof_enabled") == "1"
    kinds = [("aof_rewrite", b"BGREWRITEAOF", "aof_last_bgrewrite_status")] if appends else []
    if not appends or facts.get("rdb_saves", "0") != "0":
        kinds.append(("rdb_bgsave", b"BGSAVE", "rdb_last_bgsave_status"))
    for name, command, outcome in kinds:
        await _idle(server, name)
        await server.call(command)
        facts = await _idle(server, name)
        if facts.get(outcome) != "ok":
            raise StoreUnavailableError("store", f"{command.decode()} did not succeed: see the server's log")


async def _idle(server: RedisLink, name: str) -> dict[str, str]:
    """What INFO says once none is under way or scheduled."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while asyncio.get_running_loop().time() < deadline:
        facts = await _persistence(server)
        if facts.get(f"{name}_in_progress") == "0" and facts.get(f"{name}_scheduled", "0") == "0":
            return facts
        await asyncio.sleep(LOOK_S)
    raise StoreUnavailableError("store", f"its files are not written anew within {DEADLINE_S:g} s")


async def _persistence(server: RedisLink) -> dict[str, str]:
    text: bytes = await server.call(b"INFO", b"persistence")
    return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)
