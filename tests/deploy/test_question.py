"""Entities and request fields as options."""

from __future__ import annotations

import pytest

from deploy.question import pair_up, read_question
from features.errors import RequestError
from features.plan import (
    AggregatePlan,
    EntityKeyPlan,
    FeatureRef,
    ParameterPlan,
    Plan,
    RequestFeaturePlan,
    ServicePlan,
    ViewPlan,
)

PLAN = Plan(
    project="p",
    sources=(),
    views=(
        ViewPlan(
            name="v",
            topic="t",
            keys=(EntityKeyPlan(name="user_id", type="int64"), EntityKeyPlan(name="shop", type="string")),
            features=(AggregatePlan(name="n", function="count", column="c"),),
            ttl_us=0,
            hash="h",
        ),
    ),
    request_features=(
        RequestFeaturePlan(
            name="ratio",
            view="r",
            parameters=(
                ParameterPlan(name="n", view="v", type="int64"),
                ParameterPlan(name="amount", view=None, type="float64"),
                ParameterPlan(name="is_new", view=None, type="bool"),
                ParameterPlan(name="due_at", view=None, type="timestamp"),
            ),
        ),
    ),
    services=(
        ServicePlan(
            name="s",
            features=(
                FeatureRef(view="v", feature="n", kind="stream"),
                FeatureRef(view="r", feature="ratio", kind="request"),
            ),
        ),
    ),
    transforms_sha256="",
)


def test_keys_and_fields_get_their_declared_types() -> None:
    """Keys may be said without their `_id`; both `--a b` and `--a=b` are understood."""
    fields = ["--amount", "1.5", "--is-new", "true", "--due-at", "1970-01-02T00:00:00.000001Z"]
    question = read_question(["--user", "7", "--shop=007", *fields], PLAN, "s")
    assert question.entity == {"user_id": 7, "shop": "007"}
    assert question.request == {"amount": 1.5, "is_new": True, "due_at": 86_400_000_001}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--user", "7"], "shop: is a key of the entity and is not given"),
        (["--nobody", "7"], "names no key and no request field"),
        (["--user", "7", "--shop", "x", "--amount", "much"], "'much' is no float64"),
        (["--user", "--5", "--shop", "x"], "'--5' is no int64; give a int64"),
        (["--user", "", "--shop", "x"], "'' is no int64"),
        (["--user", "9" * 5_000, "--shop", "x"], "is no int64"),
        (["--user"], "is not understood"),
        (["user", "7"], "is not understood"),
    ],
)
def test_what_is_not_understood_is_refused(arguments: list[str], problem: str) -> None:
    """With what there is instead."""
    with pytest.raises(RequestError, match=problem):
        read_question(arguments, PLAN, "s")


def test_a_value_may_begin_with_a_dash() -> None:
    """A negative number is a value."""
    assert pair_up(["--x", "-3"]) == [("x", "-3")]
