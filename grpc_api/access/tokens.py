"""Tokens (JWT) of an issuer of the site: key, algorithm, issuer and audience are the settings', never the token's.

A token names its client (``sub``) and, as scopes, the groups of methods that it may call.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from features.errors import SettingsError
from features.settings import AuthSettings
from grpc_api.access.caller import GROUPS, Caller
from grpc_api.refusals import UnauthenticatedError

SETTING: Final = "MILLSTREAM_SCORER__AUTH__JWT_KEY"
REMEDY: Final = "send one of this site's issuer as a bearer token"
LEEWAY_S: Final = 10.0
"""What the clocks of issuer and server may differ by."""

LEAST_SECRET_BYTES: Final = 32
_KINDS: Final[Mapping[str, str]] = {"RS256": "RSA", "ES256": "EC", "HS256": "oct"}
"""The kind of key (``kty``) that each algorithm takes."""

MAX_TOKEN_CHARACTERS: Final = 8_192
KEPT: Final = 4_096
"""Tokens whose signatures are not proven again; beyond, those that were proven first go first."""


class TokenKeys(NamedTuple):
    """What signatures are proven by: one key, or those of a JWKS by id."""

    single: Any
    by_id: Mapping[str, Any]

    @classmethod
    def parse(cls, data: bytes, algorithm: str) -> TokenKeys:
        """The keys of a file; SettingsError where it holds none for the algorithm."""
        try:
            if data.lstrip().startswith(b"{"):
                return cls(None, _of_set(json.loads(data), algorithm))
            return cls(_of_file(data.strip(), algorithm), {})
        except Exception as error:  # whatever a file can be made to do to its parsers, no key came of it
            raise SettingsError(
                SETTING,
                f"the file holds no key for {algorithm}",
                "name a PEM public key, a JWKS or, for HS256, a secret of 32 bytes or more",
            ) from error

    def of(self, token: str) -> Any:
        """The key that a token says it was signed by."""
        if self.single is not None:
            return self.single
        name = jwt.get_unverified_header(token).get("kid")
        if name is None and len(self.by_id) == 1:
            return next(iter(self.by_id.values()))
        return self.by_id[str(name)]


class Tokens:
    """Proves tokens; of one proven already only the time is looked at again, until the keys change.

    So one that has expired costs its signature once, however often it still comes. ``before_proof`` is told of the
    address for which a signature is to be looked at, and raises where it must not be.
    """

    def __init__(
        self,
        settings: AuthSettings,
        *,
        before_proof: Callable[[str], object] = lambda _: None,
        time_s: Callable[[], float] = time.time,
    ) -> None:
        self._algorithm = settings.jwt_algorithm
        self._issuer = settings.jwt_issuer
        self._audience = settings.jwt_audience
        self._before_proof = before_proof
        self._time_s = time_s
        self._keys: TokenKeys | None = None
        self._proven: dict[str, tuple[Caller, float]] = {}

    def caller(self, token: str, keys: TokenKeys, address: str | None = None) -> Caller:
        """Whom a token names that came from an address; UnauthenticatedError where it does not hold."""
        if keys is not self._keys:
            self._keys = keys
            self._proven.clear()
        known = self._proven.get(token)
        if known is None:
            if address is not None:
                self._before_proof(address)
            known = self._prove(token, keys)
            if len(self._proven) >= KEPT:
                del self._proven[next(iter(self._proven))]
            self._proven[token] = known
        caller, expires_s = known
        if self._time_s() > expires_s + LEEWAY_S:
            raise UnauthenticatedError("the token has expired", REMEDY, "expired")
        return caller

    def _prove(self, token: str, keys: TokenKeys) -> tuple[Caller, float]:
        if len(token) > MAX_TOKEN_CHARACTERS:
            raise UnauthenticatedError("the token is too long", REMEDY, "token")
        try:
            claims = jwt.decode(
                token,
                keys.of(token),
                algorithms=[self._algorithm],
                audience=self._audience,
                issuer=self._issuer,
                leeway=LEEWAY_S,
                options={
                    "require": ["exp", "iss", "aud", "sub"],
                    "verify_exp": False,
                },  # `caller` looks at it each time
            )
            scope = claims.get("scope", "")
            scopes = scope.split() if isinstance(scope, str) else [str(one) for one in scope]
            return Caller(claims["sub"], GROUPS.intersection(scopes)), float(int(claims["exp"]))
        except Exception:  # whatever a token can be made to do to its parser, it proves nobody
            raise UnauthenticatedError("the token does not hold", REMEDY, "token") from None


def _of_set(document: Mapping[str, Any], algorithm: str) -> dict[str, Any]:
    """The keys of a JWKS that are for the algorithm; those for others are passed over, as RFC 7517 has it."""
    keys = {}
    for number, key in enumerate(document["keys"]):
        if (key["kty"], key.get("alg", algorithm), key.get("use", "sig")) == (_KINDS[algorithm], algorithm, "sig"):
            keys[str(key.get("kid", number))] = _proving(jwt.PyJWK(key, algorithm).key)
    if not keys:
        raise ValueError("no key")
    return keys


def _of_file(data: bytes, algorithm: str) -> Any:
    return _proving(jwt.get_algorithm_by_name(algorithm).prepare_key(data))


def _proving(key: Any) -> Any:
    """The key, if signatures can be proven by it; ValueError for a private one, of which a scorer must know nothing."""
    if isinstance(key, bytes):
        proves = len(key) >= LEAST_SECRET_BYTES and not key.startswith(b"-----")
    elif isinstance(key, EllipticCurvePublicKey):
        proves = isinstance(key.curve, SECP256R1)
    else:
        proves = isinstance(key, RSAPublicKey)
    if not proves:
        raise ValueError("short, private, or of another kind")
    return key
