"""What credentials that do not hold may cost, and whom they touch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from features.settings import AuthSettings
from grpc_api.access.api_keys import new_key
from grpc_api.access.authenticator import Authenticator
from grpc_api.access.distrust import FORGED, Distrust
from grpc_api.refusals import DistrustedError, UnauthenticatedError
from tests.grpc_api.access.test_tokens import RSA, public, token

HERE, THERE = "ipv4:10.0.0.1", "ipv4:10.0.0.2"
FORGER = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


class Door:
    """An authenticator of keys and tokens, and what it says."""

    def __init__(self, folder: Path) -> None:
        self.key, line = new_key("till", ["score"])
        (folder / "keys").write_text(line)
        (folder / "public.pem").write_bytes(public(RSA))
        self._authenticator = Authenticator(
            AuthSettings(
                api_keys=folder / "keys", jwt_key=folder / "public.pem", jwt_issuer="us", jwt_audience="scorer"
            )
        )

    def ask(self, bearer: str, address: str = HERE) -> str:
        """Who is let in, or the name of the error."""
        metadata: Mapping[str, str] = {"authorization": f"Bearer {bearer}"}
        try:
            return self._authenticator.caller(metadata, address).name
        except (UnauthenticatedError, DistrustedError) as error:
            return type(error).__name__


@pytest.fixture
def door(tmp_path: Path) -> Door:
    return Door(tmp_path)


def test_forged_tokens_cost_so_many_proofs_and_no_more(door: Door) -> None:
    """From one address: others are not touched, nor there whoever has a key, or a token that was proven before."""
    known = token()
    assert door.ask(known) == "shop"
    answers = [door.ask(token(key=FORGER, sub=f"shop {n}")) for n in range(FORGED + 5)]
    assert answers == ["UnauthenticatedError"] * FORGED + ["DistrustedError"] * 5

    assert door.ask(token(sub="new")) == "DistrustedError"
    assert door.ask(token(sub="new"), THERE) == "new"
    assert door.ask(known) == "shop"
    assert door.ask(door.key) == "till"


def test_what_costs_no_proof_keeps_nobody_out(door: Door) -> None:
    """Keys that are not in force, nothing at all, and one token that has expired, however often they come."""
    old = token(exp=0)
    for _ in range(2 * FORGED):
        assert {door.ask(f"{door.key}x"), door.ask(""), door.ask(old)} == {"UnauthenticatedError"}
    assert door.ask(token()) == "shop"


def test_an_address_is_trusted_again() -> None:
    """A token a second, and told when."""
    now_s = [0.0]
    distrust = Distrust(monotonic=lambda: now_s[0])
    forged = UnauthenticatedError("the token does not hold", "send another", "token")
    for _ in range(FORGED):
        distrust.check(HERE)
        distrust.note(HERE, forged)
    with pytest.raises(DistrustedError, match=HERE) as refused:
        distrust.check(HERE)
    assert 0 < refused.value.retry_after_s <= 1.0
    now_s[0] += refused.value.retry_after_s
    distrust.check(HERE)


def test_failures_are_logged_now_and_then() -> None:
    """Once a minute for each address, without what was sent."""
    now_s = [0.0]
    distrust = Distrust(monotonic=lambda: now_s[0])

    def lines(address: str) -> int:
        with structlog.testing.capture_logs() as logged:
            for _ in range(100):
                distrust.note(address, UnauthenticatedError("there are none", "send some", "none"))
        return len(logged)

    assert [lines(HERE), lines(THERE), lines(HERE)] == [1, 1, 0]
    now_s[0] += 61
    assert [lines(HERE), lines(HERE)] == [1, 0]
