"""A training of rows of which this process may hold but some."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from deploy.servers import MlflowServer
from features.bundle import MODEL_CARD, read_bundle
from features.errors import DomainError
from features.settings import DaskSettings, Settings
from grpc_api.mlflow_registry import MlflowRegistry
from offline_training.spread.reading import choose_rows
from offline_training.spread.refusal import require_spreadable
from offline_training.spread.table import SpreadTable
from offline_training.training import train
from offline_training.training_set import open_training_set, training_set
from tests.offline_training.small_domain import DAY_US, LABELS, SmallDomain, small_domain
from tests.offline_training.test_fitting import _spec
from tests.offline_training.validation.test_future_knowledge import JOBS_SOON, SHIFT

if TYPE_CHECKING:
    from distributed import Client

HERE = 400
"""Rows that this process may hold, of about 700."""


def on_cluster(small: SmallDomain, client: Client, client_rows: int) -> Settings:
    """Settings of a cluster at an address."""
    dask = DaskSettings(address=client.scheduler.address, client_rows=client_rows)
    return small.settings.model_copy(update={"dask": dask})


@pytest.mark.servers
def test_what_it_may_not_hold_stays_on_the_workers(
    tmp_path: Path, dask_cluster: Client, mlflow_server: MlflowServer
) -> None:
    """All rows are fitted and counted, the test rows are all tested, and the card says what a sample has decided."""
    small = small_domain(tmp_path)
    whole = training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")
    report = train(
        on_cluster(small, dask_cluster, HERE),
        small.plan,
        small.domain,
        engine="dask",
        quick=True,
        registry_uri=mlflow_server.uri,
    )
    assert report.data_fingerprint == whole.fingerprint
    assert report.refit_rows == len(whole.labels) > HERE
    assert report.rows == int((whole.at_us <= whole.at_us.max() - 10 * DAY_US).sum())
    assert report.test.rows == int((whole.at_us == whole.at_us.max()).sum())
    assert report.onnx_max_abs_diff == 0.0
    (tmp_path / "bundle").mkdir()
    path = MlflowRegistry(mlflow_server.uri).download(report.model, report.version, tmp_path / "bundle")
    bundle = read_bundle(path)
    assert f"{HERE:,} of them" in bundle.file(MODEL_CARD).read_text()
    with np.load(bundle.file("explain.npz"), allow_pickle=False) as tables:
        assert tables["covers"][0] == len(whole.labels)


def test_a_column_that_knows_the_future_is_found_by_dask_too(
    tmp_path: Path, dask_cluster: Client, mlflow_server: MlflowServer
) -> None:
    """The labels are asked again of the events that workers have written."""
    small = small_domain(tmp_path, labels=LABELS.replace(SHIFT, JOBS_SOON))
    with pytest.raises(DomainError, match="leakage_future: shift knows the future"):
        train(
            on_cluster(small, dask_cluster, HERE),
            small.plan,
            small.domain,
            engine="dask",
            quick=True,
            registry_uri=mlflow_server.uri,
        )


def test_the_sample_has_all_test_rows_and_is_the_seeds(tmp_path: Path, dask_cluster: Client) -> None:
    """In order of time, each row with its own label and keys; the same again."""
    small = small_domain(tmp_path)
    whole = training_set(small.settings, small.plan, small.domain, "standstill", knowledge="as_true")
    settings = on_cluster(small, dask_cluster, HERE)
    samples = []
    for _ in range(2):
        with open_training_set(
            settings, small.plan, small.domain, "standstill", knowledge="as_true", cluster=dask_cluster
        ) as read:
            samples.append(read.data)
            assert read.table is not None
            assert read.table.n_shares == 2
    data = samples[0]
    assert data.rows.tobytes() == samples[1].rows.tobytes()
    assert len(data.rows) == HERE
    chosen = choose_rows(whole.at_us, small.domain.models["standstill"], HERE)
    assert data.rows.tobytes() == whole.rows[chosen].tobytes()
    assert data.labels.tolist() == whole.labels[chosen].tolist()
    assert data.keys["machine"].to_pylist() == whole.keys["machine"].take(chosen).to_pylist()
    assert chosen[-60:].tolist() == list(range(len(whole.labels) - 60, len(whole.labels)))


def test_test_rows_that_do_not_fit_are_refused() -> None:
    """With both remedies."""
    with pytest.raises(DomainError, match=r"holds 61 test rows, and this process may hold 100 .*CLIENT_ROWS"):
        choose_rows(np.repeat([0, DAY_US], [200, 61]), _spec(), 100)


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("algorithm", {"algorithm": "xgboost"}),
        ("search.algorithms", {"search": {}}),
        ("preparation", {"preparation": {"time_parts": {"v:a": {"parts": ["hour"]}}}}),
    ],
)
def test_what_is_fitted_in_one_process_is_refused(key: str, change: dict[str, Any], tmp_path: Path) -> None:
    """Before any work, by the key to change; a quick training makes no search."""
    spec = small_domain(tmp_path, **change).domain.models["standstill"]
    table = SpreadTable((), (), np.zeros(9), np.zeros(9), 2)
    with pytest.raises(DomainError, match=rf"model.yaml: {key}: .* 9 rows, more than one process may hold"):
        require_spreadable(table, spec, quick=False)
    require_spreadable(None, spec, quick=False)
    if key.startswith("search"):
        require_spreadable(table, spec, quick=True)
