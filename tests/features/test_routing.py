"""Routing: the same key goes to the same arm for ever, and a share that changes moves nobody else."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import RequestError
from features.routing import CHALLENGER, CHAMPION, SHADOW, Routing, arm_of, point

SHARES = st.floats(0, 1)
ENTITIES = st.dictionaries(st.text(max_size=4), st.integers() | st.text(max_size=8), min_size=1, max_size=3)


@given(low=SHARES, high=SHARES, entity=ENTITIES, salt=st.text(max_size=16))
def test_a_share_that_grows_moves_only_those_between(low: float, high: float, entity: dict, salt: str) -> None:  # type: ignore[type-arg]
    """Who is the challenger's at some share is so at every greater one; who is not, at every smaller one."""
    low, high = sorted((low, high))
    less, more = Routing(challenger=low, salt=salt), Routing(challenger=high, salt=salt)
    key = less.key(entity, "")
    lies_between = low <= point(key, salt=salt, purpose=CHALLENGER) < high
    assert (less.arm(key) != more.arm(key)) == lies_between
    assert less.arm(key) == CHAMPION or more.arm(key) == CHALLENGER


@given(entity=ENTITIES)
def test_the_ends_of_the_scale_are_exact(entity: dict) -> None:  # type: ignore[type-arg]
    """At nought nobody is the challenger's, at one everybody."""
    key = Routing().key(entity, "")
    assert Routing(challenger=0.0).arm(key) == CHAMPION
    assert Routing(challenger=1.0).arm(key) == CHALLENGER
    assert Routing(shadow=1.0).is_shadowed(key)
    assert not Routing(shadow=0.0).is_shadowed(key)


def test_shares_are_kept_and_draws_are_independent() -> None:
    """Over many keys; who is shadowed says nothing of who answers, nor does one salt of another."""
    keys = [Routing().key({"user": user}, "") for user in range(20_000)]
    draws = np.array(
        [[point(key, salt=salt, purpose=purpose) for key in keys]
         for salt, purpose in (("a", CHALLENGER), ("b", CHALLENGER), ("a", SHADOW))]
    )  # fmt: skip
    assert np.abs((draws < 0.2).mean(axis=1) - 0.2).max() < 0.015
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.03


def test_the_key_is_the_entity_in_one_form() -> None:
    """Whatever the order of its names; `by` takes some of them; without an entity the request stands for itself."""
    assert Routing().key({"b": 2, "a": "x"}, "r") == Routing().key({"a": "x", "b": 2}, "q") == b'[["a","x"],["b",2]]'
    assert Routing(by=("b",)).key({"a": "x", "b": 2}, "r") == b'[["b",2]]'
    assert Routing().key({}, "r") == b'"r"'
    assert Routing(by=("b",)).key({"b": 2}, "r", "mine") == b'"mine"'
    assert Routing(by=("c",)).key({"b": 2}, "r") == b'[["c",null]]'


def test_points_stay_where_they_are() -> None:
    """What was dealt by one release is dealt by the next: these are not to change."""
    assert point(b'[["user",7]]', salt="summer", purpose="challenger") == 0.6615270795842009
    assert point(b'[["user",7]]', salt="summer", purpose="shadow") == 0.4934305757009222


@pytest.mark.parametrize(
    "written",
    ['{"challenger":-0.1}', '{"shadow":1.5}', '{"weight":1}', f'{{"salt":"{"x" * 65}"}}', '{"challenger":"20%"}'],
)
def test_what_is_no_routing_does_not_decode(written: str) -> None:
    """Shares out of range, names unknown, a salt that the hash cannot take."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(written, type=Routing)


def test_arms_have_names() -> None:
    """And no others."""
    assert arm_of("shadow") == SHADOW
    with pytest.raises(RequestError, match="no arm"):
        arm_of("canary")
