"""The training set of a model, from the lake of a site, by the engine that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow.parquet as pq

from features.dask_cluster import open_cluster
from features.dask_fold import site_of
from features.domain import Domain
from features.errors import RequestError
from features.lake import open_site_lake
from features.nouns import Engine, Knowledge, Provenance
from features.plan import Plan
from features.plan_shelf import functions_of
from features.settings import Settings
from offline_training.dask_dataset import ParquetTables, Written, write_dataset
from offline_training.dataset import Dataset, build_dataset
from offline_training.observations import EventTables
from offline_training.scratch import scratch_folder
from offline_training.served.served_set import served_set
from offline_training.spread.reading import read_dataset
from offline_training.spread.table import SpreadTable, open_table

if TYPE_CHECKING:
    from distributed import Client


class TrainingSet(NamedTuple):
    """A training set, and the events that its labels come from.

    ``cluster`` is what made it, None: this process. ``table`` are its rows there, None where all are here.
    """

    data: Dataset
    tables: EventTables
    cluster: Client | None = None
    table: SpreadTable | None = None


@contextmanager
def open_engine(settings: Settings, engine: Engine) -> Iterator[Client | None]:
    """The cluster of an engine; None: this process."""
    if engine == "local":
        yield None
        return
    with open_cluster(settings.dask) as client:
        yield client


@contextmanager
def open_training_set(
    settings: Settings,
    plan: Plan,
    domain: Domain,
    model: str,
    *,
    knowledge: Provenance,
    cluster: Client | None,
    data: Dataset | None = None,
) -> Iterator[TrainingSet]:
    """Build it where none is given; what a cluster has written of it ends with the block."""
    if cluster is None or data is not None:
        data = data or training_set(settings, plan, domain, model, knowledge=knowledge)
        yield TrainingSet(data, open_site_lake(settings, plan.project))
        return
    if knowledge == "as_served":
        raise RequestError("--engine", "has nothing to compute: the vectors were served", "leave it out")
    with scratch_folder(settings.state_dir(plan.project)) as scratch:
        written = _write(cluster, settings, plan, domain, model, scratch / "rows", scratch / "events", knowledge)
        table, spec = open_table(scratch / "rows", max(1, len(cluster.nthreads()))), domain.models[model]
        data = read_dataset(table, written, spec, knowledge, most_rows=settings.dask.client_rows)
        yield TrainingSet(data, ParquetTables(scratch / "events"), cluster, None if data.larger is None else table)


def training_set(settings: Settings, plan: Plan, domain: Domain, model: str, *, knowledge: Provenance) -> Dataset:
    """Build it in this process."""
    if knowledge == "as_served":
        return served_set(settings, plan, domain, model)
    functions = functions_of(plan, settings.state_dir(plan.project))
    return build_dataset(open_site_lake(settings, plan.project), plan, domain, model, functions, knowledge=knowledge)


def write_training_set(
    settings: Settings, plan: Plan, domain: Domain, model: str, out: Path, *, knowledge: Knowledge, engine: Engine
) -> Written:
    """Write it as a Parquet file, or by Dask as a folder of them."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with open_engine(settings, engine) as cluster:
        if cluster is not None:
            with scratch_folder(out.parent) as scratch:
                return _write(cluster, settings, plan, domain, model, out, scratch / "events", knowledge)
    data = training_set(settings, plan, domain, model, knowledge=knowledge)
    fresh = out.with_suffix(".tmp")
    pq.write_table(data.table(), fresh)
    fresh.replace(out)
    return Written(len(data.labels), data.left_out, data.beside)


def _write(
    cluster: Client,
    settings: Settings,
    plan: Plan,
    domain: Domain,
    model: str,
    out: Path,
    events: Path,
    knowledge: Knowledge,
) -> Written:
    if not plan.views_of_service(domain.models[model].service):
        raise RequestError("--engine", f"{model} has no view to compute on a cluster", "leave it out")
    functions = functions_of(plan, settings.state_dir(plan.project))
    site = site_of(settings, plan.project)
    return write_dataset(cluster, site, plan, domain, model, functions, out, events, knowledge=knowledge)
