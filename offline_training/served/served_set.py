"""The training set of a model from what it was asked: its rows are the vectors that were served, bit for bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED
from features.lake import Lake, open_site_lake
from features.model_file import ModelSpec
from features.nouns import SCORES_SOURCE
from features.plan import Plan
from features.plan_shelf import functions_of, shelved_plan
from features.score_records import decode_records
from features.settings import Settings
from features.vector import Assembler
from offline_training.dataset import Dataset, LeftOut, dataset_of, lake_end_us, refuse_protected
from offline_training.observations import key_types, observe
from offline_training.served.joining import Window, join_served
from offline_training.served.present import PresentInputs, ServedRecord, TransformsOf
from offline_training.served.tally import ServedTally

_NEVER: Final = -(2**63)
_MILLISECOND_US: Final = 1_000


def served_set(settings: Settings, plan: Plan, domain: Domain, model: str) -> Dataset:
    """Build it from the lake of a site, which knows its former plans."""
    state_dir = settings.state_dir(plan.project)

    @cache
    def transforms_of(plan_hash: str) -> str | None:
        try:
            return shelved_plan(state_dir, plan_hash).transforms_sha256
        except DomainError:
            return None

    lake = open_site_lake(settings, plan.project)
    return build_served_set(lake, plan, domain, model, functions_of(plan, state_dir), transforms_of)


def build_served_set(
    lake: Lake,
    plan: Plan,
    domain: Domain,
    model: str,
    functions: Mapping[str, Callable[..., Any]],
    transforms_of: TransformsOf = lambda _: None,
) -> Dataset:
    """Served vectors and outcomes of every observation that was asked about; DomainError where that is none."""
    spec = domain.models[model]
    if spec.dataset is not None:
        raise DomainError("model.yaml: dataset", "has outcomes of its own rows, not of what was asked", "train from it")
    if spec.task in UNSUPERVISED:
        raise DomainError("model.yaml: task", f"{spec.task} learns without outcomes", "train from the lake")
    refuse_protected(plan, spec.service, spec.not_for_inputs)
    assembler = Assembler(plan, spec.service, functions, spec.missing)
    end_us = lake_end_us(lake, plan.sources)
    observations = observe(lake, plan, domain, model, lake_end_us=end_us, request_fields=assembler.request_fields)
    keys = tuple(key_types(plan, spec.service))
    dropped_us = (lake.dropped_until_us(source.topic) for source in plan.sources)
    window = Window(
        within_us=spec.served.within_us,
        horizon_us=spec.horizon_us,
        dropped_until_us=max((at_us for at_us in dropped_us if at_us is not None), default=_NEVER),
        lake_end_us=end_us,
    )

    def of_model(table: pa.Table) -> pa.Table:
        return table.filter(pc.field("model") == model)

    records = decode_records(lake.read(SCORES_SOURCE, keep=of_model), ServedRecord)
    served = join_served(
        records, PresentInputs(plan, assembler, spec.service, transforms_of), observations, keys, window
    )
    _require_rows(served.tally)
    numbers = served.observation
    data = dataset_of(
        assembler.names,
        served.rows,
        observations.labels[numbers],
        served.at_us,
        LeftOut(0, 0),
        "as_served",
        observations.beside.take(numbers),
        {name: column.take(numbers) for name, column in observations.keys.items()},
    )
    return data._replace(served=served.tally)


def with_later_outcomes(spec: ModelSpec) -> ModelSpec:
    """The same with a gap between training and test rows in which outcomes that begin later become known, too."""
    gap_ms = (spec.gap_us + spec.served.within_us) // _MILLISECOND_US
    return msgspec.structs.replace(spec, split=msgspec.structs.replace(spec.split, gap=f"{gap_ms}ms"))


def _require_rows(tally: ServedTally) -> None:
    """DomainError where no record is a row, with what became of them."""
    if not tally.rows:
        raise DomainError(
            "score records",
            f"give no row: {', '.join(tally.lines())}",
            "wait for outcomes, widen served.within of model.yaml, or train from the lake",
        )
