"""Features that know the label are found, and no honest one is taken for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from features.head import Task
from offline_training.validation.suite import Leakage
from offline_training.validation.target_leaks import copied_share, target_leaks
from tests.offline_training.validation.training_sets import honest_set, with_feature

TASKS: tuple[Task, ...] = ("binary", "multiclass", "regression")
every_task = pytest.mark.parametrize("task", TASKS)


def found(task: Task, feature: Any = None) -> list[tuple[str, str | None]]:
    """Checks that fail, and of which column, once a feature is added."""
    data = honest_set(task)
    if feature is not None:
        data = with_feature(data, "v:planted", feature(data.labels))
    leaks = target_leaks(data.names, data.rows, data.labels, task, Leakage(), seed=0)
    return [(leak.check, leak.column) for leak in leaks]


@every_task
def test_honest_features_are_no_leak(task: Task) -> None:
    """A strong feature is none, neither is one that grows with time, nor one with nulls."""
    assert found(task) == []


@every_task
@pytest.mark.parametrize(
    "words",
    [
        lambda labels: labels,
        lambda labels: -3.0 * labels + 7.0,
        lambda labels: np.exp(np.minimum(labels, 50.0)),
        lambda labels: np.where(labels == labels.max(), np.nan, labels),
    ],
    ids=["itself", "scaled", "monotone", "null at one value"],
)
def test_a_copy_of_the_label_is_found(task: Task, words: Any) -> None:
    """In whatever words: scaled, bent, or with null as one of its values."""
    assert found(task, words) == [("leakage_target_copy", "v:planted")]


def test_nulls_that_name_the_label_are_a_copy_of_it() -> None:
    """A feature that is there only once the outcome is known says so by being there."""
    assert found("binary", lambda labels: np.where(labels == 1.0, np.nan, 5.0)) == [
        ("leakage_target_copy", "v:planted")
    ]


@every_task
def test_a_nearly_perfect_predictor_is_found(task: Task) -> None:
    """A feature that all but names the label, with noise over it and in whichever direction."""
    random = np.random.default_rng(1)

    def noisy(labels: np.ndarray) -> np.ndarray:
        return -labels + random.normal(0.0, 0.12 * labels.std(), len(labels))

    assert found(task, noisy) == [("leakage_single_predictor", "v:planted")]


def test_a_predictor_that_is_not_monotone_is_found() -> None:
    """The label stands in the middle of the feature's range, both ends are the other class."""
    random = np.random.default_rng(2)

    def middle(labels: np.ndarray) -> np.ndarray:
        sign = random.choice([-1.0, 1.0], len(labels))
        return np.where(labels == 1.0, random.uniform(-1, 1, len(labels)), sign * random.uniform(1.02, 3, len(labels)))

    assert found("binary", middle) == [("leakage_single_predictor", "v:planted")]


def test_a_rare_class_does_not_make_a_constant_a_copy() -> None:
    """Naming the commoner class is no knowledge, however common it is."""
    labels = np.zeros(10_000)
    labels[:5] = 1.0
    assert copied_share(np.zeros(10_000), labels, "binary") == 0.0
    assert copied_share(labels, labels, "binary") == 1.0


def test_a_few_rows_of_chance_prove_nothing() -> None:
    """With too few rows of a class to try it on, no feature is called a perfect predictor."""
    labels = np.r_[np.zeros(200), np.ones(6)]
    column = np.r_[np.random.default_rng(3).uniform(0, 1, 200), np.full(6, 2.0)]
    assert list(target_leaks(["v:x"], column[:, None], labels, "binary", Leakage(), seed=0)) == []
