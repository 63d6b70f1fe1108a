"""The one way to a model's input: order, request-time features, what is missing and what a policy makes of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.errors import DomainError, RequestError
from features.nouns import Note
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
from features.vector import UNREAD, Assembler, MissingPolicy, ViewValues
from tests.features.strategies import SOURCE

VIEW = ViewPlan(
    name="levels",
    topic="readings",
    keys=(EntityKeyPlan(name="device", type="string"),),
    features=(
        AggregatePlan(name="n", function="count", column="level"),
        AggregatePlan(name="mean", function="mean", column="level"),
    ),
    ttl_us=1_000,
    hash="00112233445566ff",
)
PLAN = Plan(
    project="plant",
    sources=(SOURCE,),
    views=(VIEW,),
    request_features=(
        RequestFeaturePlan(
            name="excess",
            view="now",
            parameters=(
                ParameterPlan(name="mean", view="levels", type="float64"),
                ParameterPlan(name="reading", view=None, type="float64"),
            ),
        ),
    ),
    services=(
        ServicePlan(
            name="alarm",
            features=(
                FeatureRef(view="levels", feature="mean", kind="stream"),
                FeatureRef(view="now", feature="excess", kind="request"),
                FeatureRef(view="levels", feature="n", kind="stream"),
            ),
        ),
    ),
    transforms_sha256="",
)
KNOWN = {"levels": ViewValues([3, 2.5], 5_000)}


def excess(mean: float | None, reading: float) -> float | None:
    return None if mean is None else reading - mean


def assembler(missing: MissingPolicy = MissingPolicy()) -> Assembler:
    return Assembler(PLAN, "alarm", {"excess": excess}, missing)


def test_values_stand_in_the_order_of_the_service() -> None:
    """Counts become doubles; request-time features see finished values and request fields."""
    vector = assembler().assemble(6_000, KNOWN, {"reading": 4})
    assert vector.values == [2.5, 1.5, 3.0]
    assert vector.notes == []


def test_the_null_of_an_empty_window_is_a_value() -> None:
    """It is NaN to the model, and no note says that anything is missing."""
    vector = assembler().assemble(6_000, {"levels": ViewValues([0, None], 5_000)}, {"reading": 4.0})
    assert [math.isnan(value) for value in vector.values] == [True, True, False]
    assert vector.notes == []


def test_a_stale_view_is_missing_from_its_ttl_on() -> None:
    """At exactly the limit it still counts; one microsecond later it does not."""
    assert assembler().assemble(6_000, KNOWN, {"reading": 4.0}).notes == []
    vector = assembler().assemble(6_001, KNOWN, {"reading": 4.0})
    assert all(math.isnan(value) for value in vector.values)
    assert vector.notes == [Note(feature=name, reason="stale") for name in ("levels:mean", "now:excess", "levels:n")]


def test_a_default_stands_in_for_an_unknown_entity() -> None:
    """The note says so; features without a default of their own follow the common remedy."""
    policy = MissingPolicy(default="nan", features={"levels:n": -1.0})
    vector = assembler(policy).assemble(6_000, {"levels": ViewValues([0, None], None)}, {"reading": 4.0})
    assert vector.values[2] == -1.0
    assert math.isnan(vector.values[0])
    assert Note(feature="levels:n", reason="unknown_entity", defaulted=True) in vector.notes


def test_a_field_that_is_not_supplied_makes_its_features_missing() -> None:
    """Null counts as not supplied, and so does NaN, which a record could not tell from it."""
    for request in ({}, {"reading": None}, {"reading": math.nan}):
        vector = assembler().assemble(6_000, KNOWN, request)
        assert math.isnan(vector.values[1])
        assert vector.notes == [Note(feature="now:excess", reason="not_supplied")]


def test_a_policy_of_fail_refuses_by_the_feature_s_name() -> None:
    """The error names the feature and why it is missing."""
    with pytest.raises(RequestError, match=r"now:excess.*not_supplied"):
        assembler(MissingPolicy(default="fail")).assemble(6_000, KNOWN, {})


def test_a_request_time_feature_of_an_unknown_entity_is_missing() -> None:
    """It follows the policy like the values that it needs, whatever its function makes of null."""
    unknown = {"levels": ViewValues([0, None], None)}
    policy = MissingPolicy(default="nan", features={"now:excess": 7.0})
    vector = assembler(policy).assemble(6_000, unknown, {"reading": 4.0})
    assert vector.values[1] == 7.0
    assert Note(feature="now:excess", reason="unknown_entity", defaulted=True) in vector.notes


def test_a_view_that_was_not_read_is_missing() -> None:
    """Whatever needs it follows the policy, and the note says that nobody knows better."""
    policy = MissingPolicy(default="nan", features={"levels:n": -1.0})
    vector = assembler(policy).assemble(6_000, {"levels": UNREAD}, {"reading": 4.0})
    assert vector.values[2] == -1.0
    assert all(math.isnan(value) for value in vector.values[:2])
    assert vector.notes == [
        Note(feature="levels:mean", reason="store_unavailable"),
        Note(feature="now:excess", reason="store_unavailable"),
        Note(feature="levels:n", reason="store_unavailable", defaulted=True),
    ]


@pytest.mark.parametrize(("feature", "can"), [("levels:n", False), ("now:excess", False), ("now:other", True)])
def test_what_must_be_read_is_known(feature: str, can: bool) -> None:
    """A policy that refuses a feature of a view, or one made with it, leaves no score without the store."""
    features = () if feature == "now:other" else (feature,)
    assert assembler(MissingPolicy(features=dict.fromkeys(features, "fail"))).can_do_without_store is can


def test_looking_back_before_the_newest_event_is_noted() -> None:
    """The values stand, and the note names the view."""
    vector = assembler().assemble(4_000, KNOWN, {"reading": 4.0})
    assert vector.notes == [Note(feature="levels", reason="as_of_behind_state")]


@pytest.mark.parametrize(
    "request_fields", [{"reding": 1.0}, {"reading": "high"}, {"reading": True}, {"reading": math.inf}]
)
def test_an_unknown_infinite_or_wrongly_typed_field_is_refused(request_fields: dict[str, object]) -> None:
    """A misspelt name is never taken for one that was not supplied."""
    with pytest.raises(RequestError, match=next(iter(request_fields))):
        assembler().assemble(6_000, KNOWN, request_fields)  # type: ignore[arg-type]


def test_a_result_that_is_not_finite_is_null() -> None:
    """Infinity never reaches a model."""
    views = {"levels": ViewValues([3, -1.7e308], 5_000)}
    vector = assembler().assemble(6_000, views, {"reading": 1.7e308})
    assert math.isnan(vector.values[1])
    assert vector.notes == []


def test_a_policy_for_a_feature_that_does_not_exist_is_refused() -> None:
    """A misspelt policy would otherwise never apply."""
    with pytest.raises(DomainError, match="levels:nn"):
        assembler(MissingPolicy(features={"levels:nn": 0.0}))


ALARM = ("levels:mean", "now:excess", "levels:n")


def supply(policy: MissingPolicy = MissingPolicy()) -> Assembler:
    return Assembler(PLAN, "alarm", {"excess": lambda mean, reading: reading - mean}, policy)


def test_a_vector_that_is_supplied_whole_is_taken_as_it_is() -> None:
    """In the order of the service, or by names in any order; NaN is a value, and nothing is noted."""
    values = [1.0, math.nan, -0.0]
    ordered = supply(MissingPolicy(default="fail")).supplied(values)
    named = supply(MissingPolicy(default="fail")).supplied(values[::-1], ALARM[::-1])

    for vector in (ordered, named):
        assert str(vector.values) == "[1.0, nan, -0.0]"
        assert vector.notes == []


def test_what_a_supplied_vector_does_not_name_is_missing() -> None:
    """The policy of each feature says what then happens."""
    policy = MissingPolicy(features={"levels:n": 3.0, "levels:mean": "fail"})
    vector = supply(policy).supplied([1.0], ["levels:mean"])

    assert str(vector.values) == "[1.0, nan, 3.0]"
    assert vector.notes == [
        Note(feature="now:excess", reason="not_supplied"),
        Note(feature="levels:n", reason="not_supplied", defaulted=True),
    ]
    with pytest.raises(RequestError, match=r"levels:mean: is missing \(not_supplied\)"):
        supply(policy).supplied([1.0], ["levels:n"])


@pytest.mark.parametrize(
    ("values", "names", "message"),
    [
        ([1.0, 2.0], (), "vector: has 2 values; the model takes levels:mean, now:excess, levels:n"),
        ([], (), "vector: has 0 values"),
        ([1.0], ("levels:n", "levels:mean"), "vector: has 1 values and 2 names"),
        ([1.0, 2.0], ("levels:n", "levels:n"), "vector: names a feature twice"),
        ([1.0], ("levels:size",), "levels:size: is no input of this model"),
        ([1.0, math.inf, 2.0], (), "now:excess: is infinite"),
        ([-math.inf], ("levels:n",), "levels:n: is infinite"),
    ],
)
def test_a_vector_that_cannot_be_meant_is_refused(values: list[float], names: tuple[str, ...], message: str) -> None:
    """Naming what is wrong."""
    with pytest.raises(RequestError, match=message):
        supply().supplied(values, names)


NAMES = ("a", "b", "c", "d")
TWO_VIEWS = tuple(
    ViewPlan(
        name=view,
        topic="readings",
        keys=VIEW.keys,
        features=tuple(AggregatePlan(name=name, function="mean", column="level") for name in NAMES),
        ttl_us=1_000,
        hash=VIEW.hash,
    )
    for view in ("one", "two")
)


@given(
    st.permutations([(view, at) for view in range(2) for at in range(4)]),
    st.integers(1, 8),
    st.lists(st.none() | st.integers(-(2**60), 2**60) | st.floats(allow_nan=False), min_size=8, max_size=8),
    st.sampled_from([5_500, 6_500]),
)
def test_any_choice_of_features_in_any_order_is_taken(
    order: list[tuple[int, int]], n: int, numbers: list[float | None], as_of_us: int
) -> None:
    """From as many views as it names; where one of them is stale, the rest is as it was."""
    chosen = order[:n]
    refs = tuple(FeatureRef(view=TWO_VIEWS[view].name, feature=NAMES[at], kind="stream") for view, at in chosen)
    plan = Plan(
        project="plant",
        sources=(SOURCE,),
        views=TWO_VIEWS,
        request_features=(),
        services=(ServicePlan(name="some", features=refs),),
        transforms_sha256="",
    )
    views = {"one": ViewValues(numbers[:4], 5_000), "two": ViewValues(numbers[4:], 5_600)}
    asked = Assembler(plan, "some", {})
    vector = asked.assemble(as_of_us, {view.name: views[view.name] for view in asked.views})

    stale = as_of_us == 6_500
    expected = [None if stale and view == 0 else numbers[4 * view + at] for view, at in chosen]
    assert [repr(value) for value in vector.values] == [
        "nan" if value is None else repr(float(value)) for value in expected
    ]
    assert {note.feature for note in vector.notes if note.reason == "stale"} == {
        f"one:{NAMES[at]}" for view, at in chosen if stale and view == 0
    }
