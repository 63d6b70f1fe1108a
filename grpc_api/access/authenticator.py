"""From what comes with a call to who makes it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from features.settings import AuthSettings
from grpc_api.access.api_keys import SETTING as KEYS_SETTING
from grpc_api.access.api_keys import ApiKeys
from grpc_api.access.caller import Caller
from grpc_api.access.distrust import Distrust
from grpc_api.access.followed_file import FollowedFile
from grpc_api.access.tokens import SETTING as TOKENS_SETTING
from grpc_api.access.tokens import TokenKeys, Tokens
from grpc_api.refusals import UnauthenticatedError

API_KEY: Final = "x-api-key"
AUTHORIZATION: Final = "authorization"
REMEDY: Final = "send `authorization: Bearer …` with the call"


class Authenticator:
    """Knows callers by API key, by token, or by either, as settings have it."""

    def __init__(self, settings: AuthSettings) -> None:
        self._keys: FollowedFile[ApiKeys] | None = None
        self._token_keys: FollowedFile[TokenKeys] | None = None
        if settings.api_keys is not None:
            self._keys = FollowedFile(settings.api_keys, ApiKeys.parse, setting=KEYS_SETTING)
        if settings.jwt_key is not None:
            parse = partial(TokenKeys.parse, algorithm=settings.jwt_algorithm)
            self._token_keys = FollowedFile(settings.jwt_key, parse, setting=TOKENS_SETTING)
        self._distrust = Distrust()
        self._tokens = Tokens(settings, before_proof=self._distrust.check)

    def caller(self, metadata: Mapping[str, str], address: str) -> Caller:
        """Who makes a call with this metadata; UnauthenticatedError where that is not proven.

        DistrustedError where it could be, but too many tokens from this address did not hold.
        """
        try:
            return self._find(metadata, address)
        except UnauthenticatedError as error:
            self._distrust.note(address, error)
            raise

    def still(self, metadata: Mapping[str, str]) -> Caller:
        """Who makes a call that was let in with this metadata, as it is now; UnauthenticatedError as above."""
        return self._find(metadata, None)

    def _find(self, metadata: Mapping[str, str], address: str | None) -> Caller:
        key = metadata.get(API_KEY)
        if key is None:
            scheme, _, key = metadata.get(AUTHORIZATION, "").partition(" ")
            if scheme.lower() != "bearer":
                raise UnauthenticatedError("there are none", REMEDY, "none")
            key = key.strip()
        if self._token_keys is not None and (self._keys is None or key.count(".") == 2):  # a JWT's three parts
            return self._tokens.caller(key, self._token_keys.value(), address)
        if self._keys is None:
            raise UnauthenticatedError("there are none", REMEDY, "none")
        return self._keys.value().caller(key)
