"""The training set: observations with their features as of then, each row assembled as the scorer assembles it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from features.backfill import backfill
from features.domain import Domain
from features.errors import DomainError, RequestError
from features.nouns import FeatureValue, Knowledge
from features.plan import Plan, ViewPlan
from features.vector import Assembler, ViewValues
from features.view_events import join_events
from offline_training.observations import LakeTables, Observations, observe

_UNKNOWN = -1


class Dataset(NamedTuple):
    """``rows`` is ``[n, k]`` in the order of ``names``, NaN for null; ordered by time.

    ``n_refused`` observations were left out because the missing-value policy would refuse their score.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    labels: np.ndarray
    at_us: np.ndarray
    n_refused: int
    fingerprint: str
    knowledge: Knowledge


def build_dataset(
    lake: LakeTables,
    plan: Plan,
    domain: Domain,
    model: str,
    functions: Mapping[str, Callable[..., Any]],
    *,
    knowledge: Knowledge = "as_true",
) -> Dataset:
    """Labels and features of every observation that the lake can tell the outcome of.

    As true, features are of all events before the observation; as known, of those that had arrived by then. Labels are
    what in truth happened, either way.
    """
    spec = domain.models[model]
    _refuse_protected(plan, spec.service, spec.protected)
    assembler = Assembler(plan, spec.service, functions, spec.missing)
    events = {source.topic: lake.read(source) for source in plan.sources}
    observations = observe(
        lake, plan, domain, model, lake_end_us=_lake_end_us(events), request_fields=assembler.request_fields
    )
    views = {
        view.name: _view_rows(plan, view, join_events(plan, view, events), observations, knowledge)
        for view in assembler.views
    }
    if knowledge == "as_known" and all(row.newest_us is None for rows in views.values() for row in rows):
        raise DomainError(
            "lake",
            "holds no event that had arrived before an observation",
            "a history that was replayed arrived when it was replayed: train on it as true",
        )
    return _assemble(assembler, observations, views, knowledge)


def _view_rows(
    plan: Plan, view: ViewPlan, events: pa.Table, observations: Observations, knowledge: Knowledge
) -> list[ViewValues]:
    """Finished values of one view, one entry an observation."""
    keys = {key.name: observations.keys[key.name].to_numpy(zero_copy_only=False) for key in view.keys}
    columns = backfill(view, plan.source_of(view), events, keys, observations.at_us, knowledge)
    newest = [None if at_us == _UNKNOWN else at_us for at_us in columns.newest_us.tolist()]
    features = [_with_nulls(columns.values[name], columns.valid[name]) for name in view.feature_names]
    return [ViewValues(values, at_us) for values, at_us in zip(zip(*features, strict=True), newest, strict=True)]


def _with_nulls(values: np.ndarray, valid: np.ndarray) -> list[FeatureValue]:
    if valid.all():
        return list(values.tolist())
    return [value if ok else None for value, ok in zip(values.tolist(), valid.tolist(), strict=True)]


def _assemble(
    assembler: Assembler,
    observations: Observations,
    views: Mapping[str, Sequence[ViewValues]],
    knowledge: Knowledge,
) -> Dataset:
    """Vectors row by row, by the scorer's own code."""
    vectors: list[list[float]] = []
    kept: list[int] = []
    names, columns = list(views), list(views.values())
    fields, supplied = list(observations.request), list(observations.request.values())
    for i, as_of_us in enumerate(observations.at_us.tolist()):
        request = {field: column[i] for field, column in zip(fields, supplied, strict=True)}
        row = {name: column[i] for name, column in zip(names, columns, strict=True)}
        try:
            vectors.append(assembler.assemble(as_of_us, row, request).values)
        except RequestError:
            continue  # the scorer refuses such a request, so the model need not learn from it
        kept.append(i)
    if not kept:
        raise DomainError("model.yaml: missing", "refuses every observation", "relax the policy, or correct labels.sql")
    rows = np.array(vectors, dtype=np.float64)
    labels, at_us = observations.labels[kept], observations.at_us[kept]
    n_refused = len(observations.at_us) - len(kept)
    print_ = fingerprint(assembler.names, rows, labels, at_us)
    return Dataset(assembler.names, rows, labels, at_us, n_refused, print_, knowledge)


def fingerprint(names: Sequence[str], rows: np.ndarray, labels: np.ndarray, at_us: np.ndarray) -> str:
    """SHA-256 over everything that a fit sees: equal for equal training sets, on any machine."""
    digest = hashlib.sha256("\n".join(names).encode())
    for column in (rows, labels, at_us):
        digest.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def _lake_end_us(events: Mapping[str, pa.Table]) -> int:
    """Newest event time that the lake holds."""
    newest = [int(table["event_us"].to_numpy().max()) for table in events.values() if table.num_rows]
    if not newest:
        raise DomainError("lake", "holds no event", "run `millstream replay` and a worker first")
    return max(newest)


def _refuse_protected(plan: Plan, service: str, protected: Sequence[str]) -> None:
    """DomainError where a feature of the service is computed from a protected column."""
    asked = {(ref.view, ref.feature) for ref in plan.service(service).features}
    used = {(view.name, f.name): {f.column} for view in plan.views for f in view.features}
    for feature in plan.request_features:
        if (feature.view, feature.name) in asked:
            inputs = [used.get((p.view or "", p.name), {p.name}) for p in feature.parameters]
            used[feature.view, feature.name] = set().union(*inputs)
    for ref in sorted(asked):
        for column in sorted(used[ref] & set(protected)):
            raise DomainError(
                f"feature {ref[0]}:{ref[1]}", f"is computed from {column}", "it is protected: leave it out"
            )
