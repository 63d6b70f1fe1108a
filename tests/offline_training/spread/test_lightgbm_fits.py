"""LightGBM on two worker processes: one model of all rows, whichever worker has which."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.head import to_scores
from features.model_file import ModelSpec
from offline_training.learners import Sample, Validation
from offline_training.learners.lightgbm_learner import LearnedLightGbm, LightGbm
from offline_training.loss import mean_loss
from offline_training.proof import prove
from offline_training.sample import sample_of
from offline_training.spread.lightgbm_fits import SpreadLightGbm
from offline_training.spread.table import SpreadTable, open_table, write_blocks
from offline_training.training_table import training_table
from tests.offline_training.test_fitting import _spec
from tests.offline_training.validation.training_sets import honest_set

if TYPE_CHECKING:
    from distributed import Client

    from features.head import Task
    from offline_training.dataset import Dataset

PARAMS = {"num_iterations": 30, "num_leaves": 7, "min_data_in_leaf": 5, "bagging_freq": 1, "bagging_fraction": 0.8}
SPECS: dict[str, dict[str, Any]] = {
    "binary": {},
    "multiclass": {"task": "multiclass", "classes": ("low", "middle", "high"), "decision": None},
    "regression": {"task": "regression", "decision": None},
}


def write_set(folder: Path, data: Dataset, n_shares: int = 2) -> SpreadTable:
    """A training set as a cluster writes it, in three files."""
    folder.mkdir()
    table = training_table(data.names, data.rows, data.labels, data.at_us, data.keys, "as_true")
    for number, (begin, end) in enumerate(pairwise((0, 300, 301, len(data.labels)))):
        write_blocks(table.slice(begin, end - begin), folder / f"part-{number:05}.parquet")
    return open_table(folder, n_shares)


def fitted(client: Client, table: SpreadTable, spec: ModelSpec, data: Dataset, **given: Any) -> LearnedLightGbm:
    """On a cluster, told of nothing but the first hundred rows."""
    sample = sample_of(spec, data.rows[:100], data.labels[:100], given.pop("until_us", None))
    return SpreadLightGbm(client, table, spec).fit(sample, PARAMS, seed=3, **given)


def onnx(learned: LearnedLightGbm) -> bytes:
    return learned.export().onnx


@pytest.mark.parametrize("task", list(SPECS))
def test_two_workers_make_one_model_of_all_rows(tmp_path: Path, dask_cluster: Client, task: Task) -> None:
    """The same bytes again, as good as one process's, and proven bit for bit as any other."""
    data, spec = honest_set(task), _spec(**SPECS[task])
    table = write_set(tmp_path / "rows", data)
    first, second = (fitted(dask_cluster, table, spec, data) for _ in range(2))
    assert onnx(first) == onnx(second)
    assert prove(first.export(), first.raw, data.rows).max_abs_diff == 0.0
    local = LightGbm().fit(sample_of(spec, data.rows, data.labels), PARAMS, seed=3)
    losses = [mean_loss(task, data.labels, to_scores(one.link, one.raw(data.rows))) for one in (first, local)]
    assert losses[0] < 1.2 * losses[1]
    assert onnx(first) != onnx(local)
    assert first.params == local.params
    covers = [tree.splits[0].cover for tree in first.ensemble.trees if tree.splits]
    assert max(covers) > 0.7 * len(data.labels)  # a root sees the rows of both, as far as they are in the bag


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_one_worker_gives_the_bytes_of_this_process(tmp_path: Path, dask_cluster: Client, weights: str) -> None:
    """So it is told the same; up to an instant, and stopped by the same validation."""
    data, spec = honest_set(), _spec(class_weights=weights)
    table = write_set(tmp_path / "rows", data, n_shares=1)
    until_us = int(data.at_us[600])
    here, later = data.at_us <= until_us, data.at_us > until_us
    watched = sample_of(spec, data.rows[later], data.labels[later])
    validation = Validation(watched.rows, watched.labels, watched.weights)
    local_sample: Sample = sample_of(spec, data.rows[here], data.labels[here])
    local = LightGbm().fit(local_sample, PARAMS | {"early_stopping_round": 3}, seed=3, validation=validation)
    sample = sample_of(spec, data.rows[:50], data.labels[:50], until_us)
    spread = SpreadLightGbm(dask_cluster, table, spec).fit(
        sample, PARAMS | {"early_stopping_round": 3}, seed=3, validation=validation
    )
    assert onnx(spread) == onnx(local)
    assert spread.params == local.params
    assert spread.params["num_iterations"] < PARAMS["num_iterations"]


def test_all_workers_stop_at_the_same_round(tmp_path: Path, dask_cluster: Client) -> None:
    """By the loss on all validation rows; a fit of as many rounds without it is the same model."""
    data, spec = honest_set(), _spec()
    table, until_us = write_set(tmp_path / "rows", data), int(data.at_us[600])
    later = data.at_us > until_us
    sample = sample_of(spec, data.rows[:50], data.labels[:50], until_us)
    learner, params = (
        SpreadLightGbm(dask_cluster, table, spec),
        PARAMS | {"early_stopping_round": 3, "learning_rate": 0.5},
    )
    stopped = learner.fit(sample, params, seed=3, validation=Validation(data.rows[later], data.labels[later]))
    assert stopped.params["num_iterations"] < PARAMS["num_iterations"]
    assert onnx(learner.fit(sample, stopped.params, seed=3)) == onnx(stopped)


def test_a_class_that_one_worker_does_not_have_keeps_its_number(tmp_path: Path, dask_cluster: Client) -> None:
    """A worker that numbered the classes by those of its own rows would learn others' labels wrongly."""
    data, spec = honest_set("multiclass"), _spec(**SPECS["multiclass"])
    order = np.argsort(-data.labels, kind="stable")
    by_label = training_table(data.names, data.rows[order], data.labels[order], data.at_us, {}, "as_true")
    pq.write_table(by_label, tmp_path / "part-00000.parquet", row_group_size=len(order) // 2)
    assert data.labels[order][: len(order) // 2].min() > 0.0  # a worker has the first half
    found = fitted(dask_cluster, open_table(tmp_path, 2), spec, data)
    scores = to_scores(found.link, found.raw(data.rows))
    assert (scores.argmax(axis=1) == data.labels).mean() > 0.7
