"""API keys: ``<client>.<secret>``, of which the server holds the secret's hash alone.

The file has a line for each key: the client's name, the groups of methods that it may call, and the SHA-256 of the
secret, separated by colons. A client may have several lines, so that an old key goes on while a new one is spread.
Secrets are 32 random bytes: nobody can guess them, so a slow hash would protect nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import defaultdict
from collections.abc import Collection
from typing import Final, NamedTuple

from features.errors import RequestError, SettingsError
from grpc_api.access.caller import GROUPS, Caller
from grpc_api.refusals import UnauthenticatedError

SETTING: Final = "MILLSTREAM_SCORER__AUTH__API_KEYS"
REMEDY: Final = "send a key that is in force, as `x-api-key` or as a bearer token"

_CLIENT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_NOBODY: Final = b"\0" * 32


class ApiKey(NamedTuple):
    """One line of the file."""

    caller: Caller
    digest: bytes


class ApiKeys:
    """The keys of a file."""

    def __init__(self, keys: Collection[ApiKey]) -> None:
        self._by_client: defaultdict[str, list[ApiKey]] = defaultdict(list)
        for key in keys:
            self._by_client[key.caller.name].append(key)

    @classmethod
    def parse(cls, data: bytes) -> ApiKeys:
        """The keys that a file holds; SettingsError, which names the line and not what it says, where one is wrong."""
        keys = []
        for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
            text = line.strip()
            if text and not text.startswith("#"):
                keys.append(_read(text, number))
        if not keys:
            raise SettingsError(SETTING, "the file has no key in it", "make one with `millstream key`")
        return cls(keys)

    def caller(self, key: str) -> Caller:
        """Whose key it is; UnauthenticatedError where it is nobody's."""
        client, _, secret = key.partition(".")
        digest = hashlib.sha256(secret.encode("utf-8", "replace")).digest()
        found = None
        for known in self._by_client.get(client) or (ApiKey(Caller("", frozenset()), _NOBODY),):
            if hmac.compare_digest(known.digest, digest):
                found = known.caller
        if found is None:
            raise UnauthenticatedError("the API key is not in force", REMEDY, "key")
        return found


def new_key(client: str, groups: Collection[str]) -> tuple[str, str]:
    """A new key, and the line of it for the file."""
    if not _CLIENT.fullmatch(client):
        raise RequestError("client", f"{client!r} is no name of a client", "use letters, digits, - and _")
    unknown = sorted(set(groups) - GROUPS)
    if unknown or not groups:
        problem = f"{unknown[0]!r} is no group" if unknown else "none is named"
        raise RequestError("--group", problem, f"there are {', '.join(sorted(GROUPS))}")
    secret = secrets.token_urlsafe(32)
    line = f"{client}:{','.join(sorted(set(groups)))}:{hashlib.sha256(secret.encode()).hexdigest()}"
    return f"{client}.{secret}", line


def _read(line: str, number: int) -> ApiKey:
    client, _, rest = line.partition(":")
    groups, _, digest = rest.partition(":")
    named = frozenset(groups.split(","))
    if not _CLIENT.fullmatch(client) or not named <= GROUPS or not _DIGEST.fullmatch(digest):
        raise SettingsError(
            SETTING, f"line {number} is no key", "write client:groups:SHA-256, as `millstream key` does"
        )
    return ApiKey(Caller(client, named), bytes.fromhex(digest))
