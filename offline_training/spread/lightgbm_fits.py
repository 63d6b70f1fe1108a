"""LightGBM on the workers of a cluster, by `lightgbm.dask`: each learns from its share of the rows, into one model."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import lightgbm as lgb
import numpy as np

from features.dask_cluster import hold
from features.model_file import ModelSpec
from offline_training.class_weights import row_weights
from offline_training.learners import Params, Sample, Validation
from offline_training.learners.lightgbm_learner import (
    LearnedLightGbm,
    LightGbm,
    learned_from,
    lightgbm_params,
    patience_of,
    rounds_of,
)
from offline_training.spread.table import Block, SpreadTable, deal, load
from offline_training.spread.together import LostWorkError, run_together

if TYPE_CHECKING:
    from distributed import Client

    LabelWeights = tuple[np.ndarray, np.ndarray]
    """Labels, rising, and what a row of each counts."""


@dataclass(frozen=True)
class SpreadLightGbm(LightGbm):
    """A learner whose fits are of all rows of a table up to a sample's ``until_us``, a worker a share."""

    client: Client
    table: SpreadTable
    spec: ModelSpec

    def fit(
        self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None
    ) -> LearnedLightGbm:
        """As `LightGbm` does; every worker watches all rows of the validation, so that all stop at the same round."""
        at_us = self.table.at_us
        n_rows = len(at_us) if sample.until_us is None else int(np.searchsorted(at_us, sample.until_us, side="right"))
        shares = deal(self.table.blocks(n_rows), self.table.n_shares)
        fit = _Fit(
            shares=shares,
            names=self.table.names,
            weights=_weights(self.spec, self.table.labels[:n_rows]),
            params=lightgbm_params(sample.task, sample.n_classes, params, seed),
            rounds=rounds_of(params),
            patience=patience_of(params),
            validation=validation,
        )
        booster = run_together(self.client, len(shares), fit.run)
        rounds = fit.rounds if validation is None else booster.best_iteration
        return learned_from(booster, rounds, params, sample.task)


def spread_learner(client: Client | None, table: SpreadTable | None, spec: ModelSpec) -> SpreadLightGbm | None:
    """The learner of a model whose training set is a table on a cluster; None where it is in this process."""
    return None if client is None or table is None else SpreadLightGbm(client, table, spec)


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """One fit, as often as it is begun."""

    shares: Sequence[Sequence[Block]]
    names: Sequence[str]
    weights: LabelWeights | None
    params: Mapping[str, Any]
    rounds: int
    patience: int
    validation: Validation | None

    def run(self, client: Client, addresses: Sequence[str]) -> lgb.Booster:
        """Fit on workers, a share each. LostWorkError where LightGBM lost the connection between them."""
        from distributed import wait
        from lightgbm.dask import DaskLGBMRegressor

        _be_quiet()
        with client.as_current():  # `lightgbm.dask` waits by the current one
            loaded = [
                client.submit(load_share, share, self.names, self.weights, workers=[address], pure=False)
                for share, address in zip(self.shares, addresses, strict=True)
            ]
            wait(loaded)
            for share in loaded:
                if share.status == "error":
                    share.result()
            part = partial(self._part, client, loaded, addresses)
            # Not the classifier, which numbers the classes anew on each worker, by those that its share has.
            estimator = DaskLGBMRegressor(client=client, n_estimators=self.rounds, **self._given())
            try:
                estimator.fit(
                    part(0),
                    part(1),
                    sample_weight=None if self.weights is None else part(2),
                    **self._watched(client, addresses),
                )
            except lgb.basic.LightGBMError as error:
                raise LostWorkError(str(error)) from error
        if f"[num_machines: {len(addresses)}]" not in estimator.booster_.model_to_string():
            raise LostWorkError("shares were moved to one worker")
        return estimator.booster_

    def _given(self) -> dict[str, Any]:
        return {name: value for name, value in self.params.items() if name != "num_threads"}  # those of the worker

    def _part(self, client: Client, loaded: Sequence[Any], addresses: Sequence[str], number: int) -> Any:
        """One of rows, labels and weights as a Dask array, a chunk where each share is."""
        n_columns = (len(self.names),) if number == 0 else ()
        chunks = [
            client.submit(itemgetter(number), share, workers=[address], pure=False)
            for share, address in zip(loaded, addresses, strict=True)
        ]
        return _array(chunks, [(sum(block.n_rows for block in share), *n_columns) for share in self.shares])

    def _watched(self, client: Client, addresses: Sequence[str]) -> dict[str, Any]:
        """What makes a training watch the validation rows, of which each worker has them all."""
        if self.validation is None:
            return {}
        rows, labels, weights, _ = self.validation

        def everywhere(values: np.ndarray) -> Any:
            held = hold(client, values)
            copies = [client.submit(np.asarray, held, workers=[address], pure=False) for address in addresses]
            return _array(copies, [values.shape] * len(copies))

        return {
            "eval_X": (everywhere(rows),),
            "eval_y": (everywhere(labels),),
            "eval_sample_weight": None if weights is None else [everywhere(weights)],
            "callbacks": [lgb.early_stopping(self.patience, verbose=False)],
        }


def load_share(
    share: Sequence[Block], names: Sequence[str], weights: LabelWeights | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Rows, labels, and what each row counts."""
    lgb.Dataset(np.zeros((2, 1)), [0, 1], params={"verbosity": -1}).construct()  # LightGBM's log level is a thread's
    rows, labels = load(share, names)
    return rows, labels, None if weights is None else weights[1][np.searchsorted(weights[0], labels)]


def _weights(spec: ModelSpec, labels: np.ndarray) -> LabelWeights | None:
    """By label, of all rows of a fit, what one counts."""
    weights = row_weights(spec.class_weights, labels, spec.class_names)
    if weights is None:
        return None
    found, first = np.unique(labels, return_index=True)
    return found, weights[first]


def _array(chunks: Sequence[Any], shapes: Sequence[tuple[int, ...]]) -> Any:
    import dask.array as da

    return da.concatenate(
        [da.from_delayed(chunk, shape, np.float64) for chunk, shape in zip(chunks, shapes, strict=True)]
    )


def _be_quiet() -> None:
    """LightGBM tells what it does on standard output, which is the command's."""
    log = logging.getLogger("lightgbm")
    log.setLevel(logging.ERROR)
    lgb.register_logger(log)
