"""Tokens: what holds, and every way in which one does not."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import example, given
from hypothesis import strategies as st

from features.errors import SettingsError
from features.settings import AuthSettings
from grpc_api.access.tokens import KEPT, LEEWAY_S, TokenKeys, Tokens
from grpc_api.refusals import UnauthenticatedError

RSA = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
EC = ec.generate_private_key(ec.SECP256R1())
SECRET = b"k" * 32
SIGNED_BY = {"RS256": RSA, "ES256": EC, "HS256": SECRET}
MISSING = object()


def public(key: Any) -> bytes:
    """The half of it that the server is given."""
    if isinstance(key, bytes):
        return key
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def token(algorithm: str = "RS256", headers: dict[str, Any] | None = None, key: Any = None, **changed: Any) -> str:
    """A token that holds, but for what is changed."""
    claims = {"sub": "shop", "iss": "us", "aud": "scorer", "exp": time.time() + 600, "scope": "score other", **changed}
    kept = {name: value for name, value in claims.items() if value is not MISSING}
    return jwt.encode(kept, key or SIGNED_BY[algorithm], algorithm, headers=headers)


def settings(algorithm: str = "RS256") -> AuthSettings:
    return AuthSettings.model_validate(
        {"jwt_key": Path("k"), "jwt_algorithm": algorithm, "jwt_issuer": "us", "jwt_audience": "scorer"}
    )


def keys(algorithm: str = "RS256") -> TokenKeys:
    return TokenKeys.parse(public(SIGNED_BY[algorithm]), algorithm)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "HS256"])
def test_a_token_names_its_client_and_groups(algorithm: str) -> None:
    """Its subject, and those of its scopes that are groups of methods."""
    assert Tokens(settings(algorithm)).caller(token(algorithm), keys(algorithm)) == ("shop", {"score"})


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": time.time() - 60},
        {"exp": MISSING},
        {"aud": "other"},
        {"aud": MISSING},
        {"iss": "them"},
        {"iss": MISSING},
        {"sub": MISSING},
        {"nbf": time.time() + 86_400},
        {"key": rsa.generate_private_key(public_exponent=65_537, key_size=2_048)},
    ],
    ids=[
        "ended",
        "no end",
        "for another",
        "for nobody",
        "by another",
        "by nobody",
        "nobody's",
        "not yet",
        "not signed",
    ],
)
def test_a_token_that_does_not_hold_is_nobody(changed: dict[str, Any]) -> None:
    """Too old, too early, for others, by others, or about nobody."""
    with pytest.raises(UnauthenticatedError):
        Tokens(settings()).caller(token(**changed), keys())


def test_the_algorithm_is_the_settings_and_not_the_token_s() -> None:
    """No signature at all, another algorithm, or the public key taken for a shared secret."""
    header, claims = (part.rstrip("=") for part in (_encoded({"alg": "none"}), token().split(".")[1]))
    with pytest.raises(UnauthenticatedError):
        Tokens(settings()).caller(f"{header}.{claims}.", keys())
    with pytest.raises(UnauthenticatedError):
        Tokens(settings()).caller(token("ES256"), keys())
    import hashlib
    import hmac

    signed = f"{_encoded({'alg': 'HS256', 'typ': 'JWT'})}.{claims}"
    forged = base64.urlsafe_b64encode(hmac.new(public(RSA), signed.encode(), hashlib.sha256).digest()).rstrip(b"=")
    with pytest.raises(UnauthenticatedError):
        Tokens(settings()).caller(f"{signed}.{forged.decode()}", keys())


def test_a_set_of_keys_is_asked_by_id() -> None:
    """The issuer signs with the next key while tokens of the last still hold."""
    other = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    jwks = [
        {**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key())), "kid": kid}
        for kid, key in (("old", RSA), ("new", other))
    ]
    known = TokenKeys.parse(json.dumps({"keys": jwks}).encode(), "RS256")
    tokens = Tokens(settings())
    for kid, key in (("old", RSA), ("new", other)):
        assert tokens.caller(token(key=key, headers={"kid": kid}), known).name == "shop"
    for wrong in (token(headers={"kid": "new"}), token(headers={"kid": "strange"}), token()):
        with pytest.raises(UnauthenticatedError):
            tokens.caller(wrong, known)


def test_one_proven_before_is_held_to_its_time_and_to_the_keys() -> None:
    """What is kept is not kept for longer than it holds."""
    now_s, proofs = [time.time()], list[str]()
    tokens, good, ours = Tokens(settings(), before_proof=proofs.append, time_s=lambda: now_s[0]), token(), keys()
    assert tokens.caller(good, ours) is tokens.caller(good, ours)
    others = TokenKeys.parse(public(rsa.generate_private_key(public_exponent=65_537, key_size=2_048)), "RS256")
    with pytest.raises(UnauthenticatedError):
        tokens.caller(good, others)
    assert tokens.caller(good, ours).name == "shop"
    now_s[0] += 601 + LEEWAY_S
    for _ in range(2):
        with pytest.raises(UnauthenticatedError, match="expired"):
            tokens.caller(good, ours, "here")
    assert not proofs  # its signature is not looked at again
    tokens.caller(token(exp=now_s[0] + 60), ours, "here")
    assert proofs == ["here"]


def test_of_too_many_tokens_the_oldest_is_proven_again() -> None:
    """And no other: those in use beside it cost nothing more."""
    proofs, ours = list[str](), keys("HS256")
    tokens = Tokens(settings("HS256"), before_proof=proofs.append)
    oldest, *others = [token("HS256", sub=f"client {number}") for number in range(KEPT + 1)]
    for each in (oldest, *others, *others, oldest):
        tokens.caller(each, ours, "here")
    assert len(proofs) == KEPT + 2


@pytest.mark.parametrize(
    "wrong", ["", "a.b.c", "..", "é.b.c", "a" * 10_000, "eyJhbGciOiJSUzI1NiJ9..", "[" * 5_000 + ".b.c"]
)
def test_noise_is_nobody(wrong: str) -> None:
    """Whatever its parser makes of it."""
    with pytest.raises(UnauthenticatedError):
        Tokens(settings()).caller(wrong, keys())


@pytest.mark.parametrize(
    ("data", "algorithm"),
    [
        (b"", "RS256"),
        (b"hello", "ES256"),
        (public(RSA), "HS256"),
        (b"short", "HS256"),
        (b'{"keys": []}', "RS256"),
        (b"{", "RS256"),
        (b'{"keys": [{"kty": "oct", "k": "c2hvcnQ"}]}', "HS256"),
        (private_pem(RSA), "RS256"),
        (private_pem(EC), "ES256"),
        (RSA.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()), "RS256"),
    ],
    ids=[
        "empty",
        "words",
        "public for secret",
        "short secret",
        "no keys",
        "cut",
        "short in a set",
        "private",
        "private too",
        "not PEM",
    ],
)
def test_a_file_that_proves_nothing_is_refused(data: bytes, algorithm: str) -> None:
    """At the start, by the name of its setting, without showing what is in it."""
    with pytest.raises(SettingsError, match="JWT_KEY") as refused:
        TokenKeys.parse(data, algorithm)
    assert "short;" not in str(refused.value)


WHOLE = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA.public_key()))
WRONG_KEYS = [
    "a", 1, None, [], {}, {"kty": "RSA"},
    {**WHOLE, "n": 5}, {**WHOLE, "n": ""}, {**WHOLE, "e": "!"}, {**WHOLE, "key_ops": 3, "n": None},
    json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(RSA)),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_KEYS, ids=lambda key: str(key)[:30])
def test_a_set_with_a_key_that_is_none_is_refused(wrong: Any) -> None:
    """Of another shape, with a part that is missing or wrong, or private, by which nothing is proven."""
    with pytest.raises(SettingsError, match="holds no key for RS256"):
        TokenKeys.parse(json.dumps({"keys": [WHOLE, wrong]}).encode(), "RS256")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["keys", "kty", "alg", "use", "kid", "n", "e", "k", "crv"]), inner, max_size=5
        )
    ),
)


@given(keys=JSON, algorithm=st.sampled_from(["RS256", "ES256", "HS256"]))
@example(keys=[], algorithm="RS256")
def test_whatever_a_set_holds_it_is_taken_or_refused(keys: Any, algorithm: str) -> None:
    """And nothing else."""
    with contextlib.suppress(SettingsError):
        TokenKeys.parse(json.dumps({"keys": keys}).encode(), algorithm)
    with pytest.raises(SettingsError):
        TokenKeys.parse(b'{"keys":' + b"[" * 100_000, algorithm)


def test_keys_for_other_algorithms_are_passed_over() -> None:
    """An issuer publishes all of its own in one set; an elliptic key has to be on the curve of the algorithm."""
    elliptic, other_curve = (
        {**json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key())), "kid": kid}
        for kid, key in (("ec", EC), ("p384", ec.generate_private_key(ec.SECP384R1())))
    )
    mixed = json.dumps({"keys": [{**WHOLE, "kid": "rsa"}, elliptic, {**WHOLE, "use": "enc"}]}).encode()
    assert list(TokenKeys.parse(mixed, "RS256").by_id) == ["rsa"]
    assert list(TokenKeys.parse(mixed, "ES256").by_id) == ["ec"]
    for data in ({"keys": [other_curve]}, {"keys": [{"kty": "RSA", "kid": "x"}]}):
        with pytest.raises(SettingsError):
            TokenKeys.parse(json.dumps(data).encode(), "ES256")


def _encoded(part: dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
