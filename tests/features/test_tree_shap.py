"""TreeSHAP, every implementation of it under the same laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.shapley.explanation_file import TREE_SHAPS
from features.shapley.tree_shap import TreeShap
from features.shapley.tree_tables import TreeTables, tree_tables
from tests.features.tree_games import expected, random_ensemble, random_row, shapley_values

SEEDS = st.integers(0, 2**32 - 1)
every_implementation = pytest.mark.parametrize("shap", TREE_SHAPS.values(), ids=TREE_SHAPS)


def test_the_compiled_one_is_there() -> None:
    """Where there is a C compiler, it serves."""
    assert list(TREE_SHAPS) == ["python", "compiled"]


@every_implementation
@given(seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_contributions_are_shapleys(shap: type[TreeShap], seed: int) -> None:
    """By the definition, over all sets of features: categories, NaN, features asked again, ways that no row took."""
    rng = np.random.default_rng(seed)
    n_features, n_outputs = int(rng.integers(1, 6)), int(rng.integers(1, 3))
    tables, row = random_ensemble(rng, n_features, n_outputs), random_row(rng, n_features)
    explainer = shap(tables, n_features, n_outputs)
    for output in range(n_outputs):
        found = explainer.contributions(row, output).tolist()
        assert found == pytest.approx(shapley_values(tables, row, output), abs=1e-12)
        assert explainer.base(output) == pytest.approx(expected(tables, row, frozenset(), output), abs=1e-12)


@every_implementation
@given(seed=SEEDS)
@settings(max_examples=30, deadline=None)
def test_base_and_contributions_sum_to_the_raw_score(shap: type[TreeShap], seed: int) -> None:
    """Of an ensemble far too large for the definition."""
    rng = np.random.default_rng(seed)
    tables, row = random_ensemble(rng, 30, n_trees=20), random_row(rng, 30)
    explainer = shap(tables, 30, 1)
    total = explainer.base(0) + float(explainer.contributions(row, 0).sum())

    assert total == pytest.approx(expected(tables, row, frozenset(range(30)), 0), abs=1e-10)


@every_implementation
def test_a_chain_of_a_thousand_splits_is_explained(shap: type[TreeShap]) -> None:
    """No recursion, and all features on one path: the quadrature has to be of as high a degree."""
    n = 1_000
    tables = tree_tables(
        n, 1,
        roots=[0], outputs=[0], features=list(range(n)), thresholds=[0.0] * n, nan_lefts=[False] * n,
        lefts=[~i for i in range(n)], rights=[*range(1, n), ~n], covers=[float(2 * (n - i)) for i in range(n)],
        member_bounds=[0] * (n + 1), members=[], leaf_values=[float(i % 7) for i in range(n + 1)],
        leaf_covers=[2.0] * (n + 1),
    )  # fmt: skip
    explainer = shap(tables, n, 1)
    row = np.ones(n)
    total = explainer.base(0) + float(explainer.contributions(row, 0).sum())

    assert total == pytest.approx(float(n % 7), abs=1e-9)


@every_implementation
def test_what_no_split_asks_contributes_nothing(shap: type[TreeShap]) -> None:
    """Not even a rounding; nor do trees of another output."""
    tables = _stump()
    found = shap(tables, 3, 2).contributions(np.array([5.0, 1.0, np.nan]), 0)

    assert found.tolist() == [0.0, 0.75, 0.0]
    assert shap(tables, 3, 2).contributions(np.zeros(3), 1).tolist() == [0.0, 0.0, 0.0]


def _stump(**changes: object) -> TreeTables:
    columns = {
        "roots": [0], "outputs": [0], "features": [1], "thresholds": [0.0], "nan_lefts": [False], "lefts": [~0],
        "rights": [~1], "covers": [4.0], "member_bounds": [0, 0], "members": [], "leaf_values": [0.0, 1.0],
        "leaf_covers": [3.0, 1.0],
    }  # fmt: skip
    return tree_tables(3, 2, **(columns | changes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"features": [3]}, "features hold"),
        ({"features": [-1]}, "features hold"),
        ({"outputs": [2]}, "outputs hold"),
        ({"lefts": [~1]}, "led to twice"),
        ({"lefts": [~2]}, "led to twice, or never"),
        (
            {"lefts": [0], "leaf_values": [0.0], "leaf_covers": [1.0], "rights": [~0], "roots": []},
            "outputs has the shape",
        ),
        ({"thresholds": [np.nan]}, "thresholds hold"),
        ({"leaf_values": [np.inf, 0.0]}, "leaf_values hold"),
        ({"leaf_covers": [-1.0, 2.0]}, "leaf_covers hold"),
        ({"member_bounds": [0, 1]}, "member_bounds hold"),
        ({"nan_lefts": []}, "nan_lefts has the shape"),
    ],
)
def test_tables_that_would_lead_astray_are_refused(changes: dict[str, object], message: str) -> None:
    """Compiled code walks them without looking."""
    with pytest.raises(ValueError, match=message):
        _stump(**changes)


def test_splits_in_a_circle_are_refused() -> None:
    """Each is led to once, and yet none ends."""
    with pytest.raises(ValueError, match="stands before its parent"):
        _stump(roots=[~0], lefts=[0])


@every_implementation
def test_a_row_of_the_wrong_length_is_refused(shap: type[TreeShap]) -> None:
    """Compiled code would read past its end."""
    with pytest.raises((ValueError, IndexError)):
        shap(_stump(), 3, 2).contributions(np.zeros(1), 0)
