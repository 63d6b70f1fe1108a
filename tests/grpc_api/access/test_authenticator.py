"""Who makes a call, from what comes with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.settings import AuthSettings
from grpc_api.access.api_keys import new_key
from grpc_api.access.authenticator import Authenticator
from grpc_api.refusals import UnauthenticatedError
from tests.grpc_api.access.test_tokens import SECRET, token

HERE = "ipv4:10.0.0.1"


def settings(folder: Path, *, api_keys: bool, tokens: bool) -> tuple[AuthSettings, str]:
    """Settings with files, and a good key."""
    key, line = new_key("till", ["score"])
    (folder / "keys").write_text(line)
    (folder / "secret").write_bytes(SECRET)
    found: dict[str, Any] = {"api_keys": folder / "keys"} if api_keys else {}
    if tokens:
        found |= {"jwt_key": folder / "secret", "jwt_algorithm": "HS256", "jwt_issuer": "us", "jwt_audience": "scorer"}
    return AuthSettings.model_validate(found), key


def test_keys_and_tokens_are_told_apart(tmp_path: Path) -> None:
    """A key in either place, a token as a bearer; the scheme in any case of letters."""
    both, key = settings(tmp_path, api_keys=True, tokens=True)
    known = Authenticator(both)
    for metadata in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}, {"authorization": f"bearer  {key}"}):
        assert known.caller(metadata, HERE).name == "till"
    assert known.caller({"authorization": f"Bearer {token('HS256')}"}, HERE).name == "shop"


@pytest.mark.parametrize(("api_keys", "tokens"), [(True, False), (False, True), (True, True)])
@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"authorization": ""},
        {"authorization": "Basic dGlsbDp4"},
        {"authorization": "Bearer"},
        {"x-api-key": ""},
        {"x-api-key": "till.x"},
    ],
    ids=str,
)
def test_nothing_and_nonsense_are_nobody(
    tmp_path: Path, api_keys: bool, tokens: bool, metadata: dict[str, str]
) -> None:
    """Whatever the server asks for."""
    known = Authenticator(settings(tmp_path, api_keys=api_keys, tokens=tokens)[0])
    with pytest.raises(UnauthenticatedError):
        known.caller(metadata, HERE)


def test_what_is_not_asked_for_does_not_count(tmp_path: Path) -> None:
    """A token where keys are in force, a key where tokens are."""
    keys_only, key = settings(tmp_path, api_keys=True, tokens=False)
    with pytest.raises(UnauthenticatedError):
        Authenticator(keys_only).caller({"authorization": f"Bearer {token('HS256')}"}, HERE)
    with pytest.raises(UnauthenticatedError):
        Authenticator(settings(tmp_path, api_keys=False, tokens=True)[0]).caller({"x-api-key": key}, HERE)
