"""The training set of a model, from the lake of a site, by the engine that is asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
from offline_training.dask_dataset import Written, read_dataset, write_dataset
from offline_training.dataset import Dataset, build_dataset
from offline_training.scratch import scratch_folder
from offline_training.served.served_set import served_set


def training_set(
    settings: Settings, plan: Plan, domain: Domain, model: str, *, knowledge: Provenance, engine: Engine
) -> Dataset:
    """Build it for a fit in this process."""
    if knowledge == "as_served":
        if engine != "local":
            raise RequestError("--engine", "has nothing to compute: the vectors were served", "leave it out")
        return served_set(settings, plan, domain, model)
    if engine == "local":
        functions = functions_of(plan, settings.state_dir(plan.project))
        lake = open_site_lake(settings, plan.project)
        return build_dataset(lake, plan, domain, model, functions, knowledge=knowledge)
    with scratch_folder(settings.state_dir(plan.project)) as scratch:
        rows = scratch / "rows"
        written = _on_cluster(settings, plan, domain, model, rows, knowledge)
        return read_dataset(rows, written, knowledge)


def write_training_set(
    settings: Settings, plan: Plan, domain: Domain, model: str, out: Path, *, knowledge: Knowledge, engine: Engine
) -> Written:
    """Write it as a Parquet file, or by Dask as a folder of them."""
    if engine == "dask":
        return _on_cluster(settings, plan, domain, model, out, knowledge)
    data = training_set(settings, plan, domain, model, knowledge=knowledge, engine=engine)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_suffix(".tmp")
    pq.write_table(data.table(), fresh)
    fresh.replace(out)
    return Written(len(data.labels), data.left_out, data.beside)


def _on_cluster(settings: Settings, plan: Plan, domain: Domain, model: str, out: Path, knowledge: Knowledge) -> Written:
    if not plan.views_of_service(domain.models[model].service):
        raise RequestError("--engine", f"{model} has no view to compute on a cluster", "leave it out")
    functions: dict[str, Any] = dict(functions_of(plan, settings.state_dir(plan.project)))
    site = site_of(settings, plan.project)
    with open_cluster(settings.dask) as client:
        return write_dataset(client, site, plan, domain, model, functions, out, knowledge=knowledge)
