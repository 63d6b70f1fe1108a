"""Labels in the place of categories: no row reads its own, and a table for those that are scored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.model_file import CategorySpec, PreparationSpec
from offline_training.preparation.steps import fit_steps
from offline_training.preparation.target_encoding import FOLDS

SPEC = PreparationSpec(categories={"c": CategorySpec(smoothing=2.0)})
CITIES = np.array([*range(20), *range(20), *[7.0] * 8, *[np.nan] * 4], dtype=np.float64)[:, np.newaxis]
N = len(CITIES)


def _codes(labels: np.ndarray, n_classes: int = 0, seed: int = 0) -> np.ndarray:
    return fit_steps(SPEC, ("c",), CITIES, labels, n_classes=n_classes, seed=seed).columns


@settings(deadline=None, max_examples=60)
@given(row=st.integers(0, N - 1), label=st.floats(-1e6, 1e6), seed=st.integers(0, 50))
def test_a_row_never_reads_its_own_label(row: int, label: float, seed: int) -> None:
    """Whatever its label becomes, its own code stays, and so do those of its fold; others' codes hear of it."""
    labels = np.random.default_rng(1).normal(size=N)
    altered = labels.copy()
    altered[row] = label
    before, after = _codes(labels, seed=seed), _codes(altered, seed=seed)
    assert before[row].tobytes() == after[row].tobytes()
    unmoved = (before == after).all(axis=1).sum()
    assert unmoved <= -(-N // FOLDS)


@settings(deadline=None, max_examples=30)
@given(row=st.integers(0, N - 1), label=st.integers(0, 2))
def test_nor_its_own_class(row: int, label: int) -> None:
    """Of several, each of which has a column."""
    labels = np.arange(N) % 3.0
    altered = labels.copy()
    altered[row] = label
    before, after = _codes(labels, 3), _codes(altered, 3)
    assert before.shape == (N, 3)
    assert before[row].tobytes() == after[row].tobytes()


def test_noise_does_not_look_like_knowledge() -> None:
    """Codes of a fit's own rows do not correlate with labels that know nothing, as those of one table would."""
    rng = np.random.default_rng(4)
    cities, labels = rng.integers(0, 1_000, (4_000, 1)).astype(np.float64), rng.normal(size=4_000)
    steps, codes = fit_steps(SPEC, ("c",), cities, labels, n_classes=0, seed=0)
    assert abs(np.corrcoef(codes[:, 0], labels)[0, 1]) < 0.1
    assert np.corrcoef(steps.apply(cities)[:, 0], labels)[0, 1] > 0.3


def test_scoring_reads_the_table_of_all_rows() -> None:
    """The mean label of a category, drawn towards the mean of all; null is a category, an unseen one the mean."""
    labels = np.arange(N, dtype=np.float64)
    steps = fit_steps(SPEC, ("c",), CITIES, labels, n_classes=0, seed=0).steps
    found = steps.apply(np.array([[7.0], [3.0], [np.nan], [99.0], [3.5], [-1.0], [np.inf], [-np.inf]]))[:, 0]
    mean, sevens, nulls = labels.mean(), labels[CITIES[:, 0] == 7], labels[-4:]
    assert found[0] == pytest.approx((sevens.sum() + 2 * mean) / (len(sevens) + 2))
    assert found[1] == pytest.approx((3 + 23 + 2 * mean) / 4)
    assert found[2] == pytest.approx((nulls.sum() + 2 * mean) / 6)
    assert found[3:].tolist() == [mean] * 5


def test_where_no_null_was_seen_null_reads_as_unseen() -> None:
    """There is nothing to say of it."""
    labels = np.arange(40, dtype=np.float64)
    steps = fit_steps(SPEC, ("c",), CITIES[:40], labels, n_classes=0, seed=0).steps
    null, unseen = steps.apply(np.array([[np.nan], [99.0]]))[:, 0]
    assert null == pytest.approx(unseen) == pytest.approx(labels.mean())
