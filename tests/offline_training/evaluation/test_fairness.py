"""Groups of a protected column."""

from __future__ import annotations

import numpy as np
import pytest

from offline_training.evaluation.fairness import UNKNOWN_GAP, fairness_of
from offline_training.evaluation.outcomes import Outcomes
from tests.offline_training.evaluation.made_up import multiclass, regression


def _two_groups(n: int = 100) -> tuple[Outcomes, np.ndarray]:
    """Of group a 60 of 100 are named, 40 of 50 positives; of group b 30 of 100, 20 of 50 positives."""

    def of_group(named_positives: int, named_negatives: int) -> tuple[np.ndarray, np.ndarray]:
        half = n // 2
        labels = np.repeat([1.0, 0.0], half)
        scores = np.concatenate([np.arange(half) < named_positives, np.arange(half) < named_negatives])
        return labels, np.where(scores, 0.9, 0.1)

    groups = [of_group(2 * n // 5, n // 5), of_group(n // 5, n // 10)]
    labels, scores = (np.concatenate(columns) for columns in zip(*groups, strict=True))
    return Outcomes("binary", labels, scores), np.repeat(np.array(["a", "b"], dtype=object), n)


def test_gaps_are_those_of_the_definitions() -> None:
    """Demographic parity by who is named, equal opportunity by which positives are."""
    outcomes, column = _two_groups()
    (found,) = fairness_of(outcomes, {"hall": column})
    assert [group.value for group in found.groups] == ["a", "b"]
    assert found.groups[0].figures == pytest.approx({"selection_rate": 0.6, "true_positive_rate": 0.8})
    assert found.gaps == pytest.approx({"selection_rate": 0.3, "true_positive_rate": 0.4})
    assert found.gap == pytest.approx(0.4)


def test_a_group_of_few_rows_says_nothing_and_proves_nothing() -> None:
    """It is left out of the gap; where one group is left, the gap counts as the widest there is."""
    outcomes, column = _two_groups()
    tiny = outcomes.take(np.arange(110))
    (found,) = fairness_of(tiny, {"hall": column[:110]})
    assert found.groups[1].figures == {"selection_rate": None, "true_positive_rate": None}
    assert found.gaps == {"selection_rate": UNKNOWN_GAP, "true_positive_rate": UNKNOWN_GAP}


def test_what_is_missing_is_a_group() -> None:
    """Those of whom nothing is known may be wronged as well."""
    outcomes, column = _two_groups()
    column[100:] = None
    (found,) = fairness_of(outcomes, {"hall": column})
    assert [group.value for group in found.groups] == ["a", "missing"]


def test_several_classes_and_values_are_compared_too() -> None:
    """By accuracy; by the mean absolute error over that of all."""
    column = np.array(["a", "b"] * 200, dtype=object)
    (of_classes,) = fairness_of(multiclass(), {"c": column})
    right = multiclass().predicted == multiclass().labels
    assert of_classes.gaps == pytest.approx({"accuracy": abs(right[::2].mean() - right[1::2].mean())})
    (of_values,) = fairness_of(regression(), {"c": column})
    errors = np.abs(regression().labels - regression().scores)
    assert of_values.gap == pytest.approx(abs(errors[::2].mean() - errors[1::2].mean()) / errors.mean())
