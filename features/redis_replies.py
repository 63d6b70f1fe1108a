"""What Redis' replies mean to us: the one place where its errors become ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import hiredis

from features.errors import (
    BirthMissingError,
    ErasureMissedError,
    MillstreamError,
    SettingsError,
    StateCorruptError,
    StoreUnavailableError,
)

NO_REPLY: Final = object()
"""What hiredis answers while a reply is incomplete."""

BIRTH_MISSING: Final = "BIRTHMISSING"
"""Error code with which our scripts refuse a shard without the certificate."""

ERASURES: Final = "ERASURES"
"""Error code with which our scripts refuse a writer that does not know all that was forgotten."""

NO_SCRIPT: Final = "NOSCRIPT"

_MOVED = frozenset({"MOVED", "READONLY", "CLUSTERDOWN", "MASTERDOWN"})
_MOVING = frozenset({"ASK", "TRYAGAIN"})

MOVED_REMEDY: Final = "another server is in charge now (of a cluster MILLSTREAM_STORE__CLUSTER must name some nodes)"
MOVING_REMEDY: Final = "slots of the cluster are being moved: when that has ended, `millstream backfill --to-online`"

_REFUSED = {
    "NOAUTH": ("PASSWORD", "the store wants a password", "set the one of this store"),
    "WRONGPASS": ("PASSWORD", "the store refuses it", "set user and password of this store"),
    "NOPERM": ("USERNAME", "the store's user lacks rights", "give it those that docs/operations.md names"),
}


class ScriptMissingError(StoreUnavailableError):
    """The server has forgotten a script; sending it whole teaches it anew."""


class ShardMovedError(StoreUnavailableError):
    """Another server is to be asked: who that is shows at the next connection."""


def store_error(reply: hiredis.ReplyError) -> MillstreamError:
    """Our error for an error reply; what may pass (loading, failing over, out of memory) is StoreUnavailableError."""
    text = str(reply)
    code, _, rest = text.partition(" ")
    if code == BIRTH_MISSING:
        return BirthMissingError("a store shard", f"carries no certificate of {rest}")
    if code == ERASURES:
        return ErasureMissedError("store", "an entity was forgotten since this process looked")
    if code == NO_SCRIPT:
        return ScriptMissingError("store", text)
    if code in _MOVED:
        return ShardMovedError("store", f"{text}; {MOVED_REMEDY}")
    if code in _MOVING or "non local key" in text:
        return ShardMovedError("store", f"{text}; {MOVING_REMEDY}")
    if code == "WRONGTYPE":
        return StateCorruptError("a key of the store", text)
    if "DB index" in text:
        return SettingsError("MILLSTREAM_STORE__DATABASE", text, "the store has fewer databases")
    if code == "ERR" and "AUTH" in text:  # Redis without any password set
        return SettingsError("MILLSTREAM_STORE__PASSWORD", text, "unset it")
    if code in _REFUSED:
        name, problem, remedy = _REFUSED[code]
        return SettingsError(f"MILLSTREAM_STORE__{name}", f"{problem} ({text})", remedy)
    return StoreUnavailableError("store", text)


def to_hash(reply: Sequence[bytes]) -> dict[bytes, bytes]:
    """HGETALL's reply as a dict."""
    return dict(zip(reply[::2], reply[1::2], strict=True))
