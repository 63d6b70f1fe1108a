"""The training set: observations with their features as of then, each row assembled as the scorer assembles it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import chain
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.backfill import backfill, columns_used
from features.domain import Domain
from features.entities import UNKNOWN
from features.errors import DomainError
from features.lake_reach import Dropping, cut_off
from features.model_file import ModelSpec
from features.nouns import Knowledge, Provenance
from features.plan import Plan, SourcePlan, ViewPlan
from features.vector import Assembler
from features.view_events import join_events
from offline_training.beside import Beside
from offline_training.dataset_table import Origin
from offline_training.observations import EventTables, Observations, observe
from offline_training.served.tally import ServedTally
from offline_training.training_table import training_table
from offline_training.vectors import assemble_vectors


class LeftOut(NamedTuple):
    """How many observations are not in a training set, by reason.

    ``refused``: the missing-value policy would refuse their score; ``cut_off``: they look back on records that the
    lake has dropped, so that their features are not those that were or would have been served.
    """

    refused: int
    cut_off: int


class Whole(NamedTuple):
    """Labels and instants of all rows of a training set, ordered by time."""

    labels: np.ndarray
    at_us: np.ndarray

    def until(self, until_us: int) -> Whole:
        """Those up to an instant."""
        return Whole(self.labels[self.at_us <= until_us], self.at_us[self.at_us <= until_us])


class Dataset(NamedTuple):
    """``rows`` is ``[n, k]`` in the order of ``names``, NaN for null; ordered by time.

    ``beside`` is what else is known of them; None: nothing, and each row is taken for one of its own.
    ``keys`` say of whom each row is, by join key. A fit never sees them, so they are not in the fingerprint.
    ``served`` tells what became of the score records where the rows are from these.
    ``origin`` is the dataset that observations were read from, None: the lake. Where these are not ``timed``, ``at_us``
    are the places that rows were drawn for, and stand for instants in every split.
    ``larger`` is there where these are but some of the rows, which a cluster holds: all test rows, and others.
    """

    names: tuple[str, ...]
    rows: np.ndarray
    labels: np.ndarray
    at_us: np.ndarray
    left_out: LeftOut
    fingerprint: str
    knowledge: Provenance
    beside: Beside | None = None
    keys: Mapping[str, pa.Array[Any]] = MappingProxyType({})
    served: ServedTally | None = None
    origin: Origin | None = None
    timed: bool = True

    @property
    def first_at(self) -> datetime | None:
        """Instant of the first row; None where rows have none."""
        return self.instant(int(self.whole.at_us[0]))

    @property
    def last_at(self) -> datetime | None:
        """Instant of the last row; None where rows have none."""
        return self.instant(int(self.whole.at_us[-1]))

    def table(self) -> pa.Table:
        """As people and programs are given it."""
        at_us = self.at_us if self.timed else None
        return training_table(self.names, self.rows, self.labels, at_us, self.keys, self.knowledge)

    def instant(self, at_us: int) -> datetime | None:
        """One of ``at_us`` as an instant; None where rows have none."""
        return datetime.fromtimestamp(at_us / 1e6, UTC) if self.timed else None

    larger: Whole | None = None

    @property
    def whole(self) -> Whole:
        """Of all rows, wherever they are."""
        return self.larger or Whole(self.labels, self.at_us)

    def column(self, key: str, name: str) -> np.ndarray:
        """An input, or a column beside them; DomainError where a key of the model file names neither."""
        if name in self.names:
            return np.asarray(self.rows[:, self.names.index(name)])
        if self.beside is None or name not in self.beside.columns:
            raise DomainError(f"model.yaml: {key}", f"{name} is no input", f"inputs are {', '.join(self.names)}")
        return self.beside.columns[name]


class EventColumns(Protocol):
    """Events that can be read column by column."""

    def read(self, source: SourcePlan, *, columns: Collection[str]) -> pa.Table:
        """Valid events of a topic, each once; of their declared columns these."""
        ...


class EventLake(EventTables, EventColumns, Dropping, Protocol):
    """The part of the lake that training reads."""


def build_dataset(
    lake: EventLake,
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
    refuse_protected(plan, spec.service, spec.not_for_inputs)
    assembler = Assembler(plan, spec.service, functions, spec.missing)
    events = {
        source.topic: lake.read(source, columns=columns_used(v for v in assembler.views if source.topic in v.topics))
        for source in sources_of(plan, spec)
    }
    newest = [int(pc.max(table["event_us"]).as_py()) for table in events.values() if table.num_rows]
    lake_end_us = newest_of(newest) if events else None
    observations = observe(lake, plan, domain, model, lake_end_us=lake_end_us, request_fields=assembler.request_fields)
    n_cut_off = count_cut_off(lake, assembler.views, observations)
    observations = observations.slice(n_cut_off, len(observations.at_us))
    at_us = observations.at_us
    views = {
        view.name: backfill(
            view,
            plan.source_of(view),
            join_events(plan, view, events),
            observations.keys_of(view),
            at_us,
            knowledge,
        )
        for view in assembler.views
    }
    if knowledge == "as_known" and views:
        refuse_unknown(any((columns.newest_us != UNKNOWN).any() for columns in views.values()))
    rows, kept = assemble_vectors(assembler, at_us, observations.request, views)
    left_out, beside = LeftOut(len(at_us) - len(kept), n_cut_off), observations.beside.take(kept)
    keys = {name: column.take(kept) for name, column in observations.keys.items()}
    labels = observations.labels[kept]
    data = dataset_of(assembler.names, rows, labels, at_us[kept], left_out, knowledge, beside, keys)
    return data._replace(origin=observations.origin, timed=spec.timed)


def sources_of(plan: Plan, spec: ModelSpec) -> tuple[SourcePlan, ...]:
    """Topics of the lake that a model's training set is made of: all for its SQL, of a dataset those of its views."""
    if spec.dataset is None:
        return plan.sources
    topics = {topic for view in plan.views_of_service(spec.service) for topic in view.topics}
    return tuple(source for source in plan.sources if source.topic in topics)


def dataset_of(
    names: tuple[str, ...],
    rows: np.ndarray,
    labels: np.ndarray,
    at_us: np.ndarray,
    left_out: LeftOut,
    knowledge: Provenance,
    beside: Beside | None,
    keys: Mapping[str, pa.Array[Any]],
) -> Dataset:
    """A training set with its fingerprint; DomainError where it has no row."""
    refuse_empty(len(rows))
    digest = fingerprint(names, [rows], labels, at_us)
    return Dataset(names, rows, labels, at_us, left_out, digest, knowledge, beside, keys)


def count_cut_off(lake: Dropping, views: Iterable[ViewPlan], observations: Observations) -> int:
    """How many of the observations, the first in time, look back on dropped records; DomainError where all do."""
    n_cut_off = max((int(cut_off(lake, view, observations.at_us).sum()) for view in views), default=0)
    if n_cut_off == len(observations.at_us):
        raise DomainError(
            "lake",
            f"has dropped records that each of {n_cut_off} observations looks back on",
            "keep them longer (tag `retention`), shorten the windows, or wait for later observations",
        )
    return n_cut_off


def refuse_empty(n_rows: int) -> None:
    """DomainError where the missing-value policy has left nothing."""
    if not n_rows:
        raise DomainError("model.yaml: missing", "refuses every observation", "relax the policy, or correct the rows")


def newest_of(times_us: Iterable[int]) -> int:
    """Newest event time that the lake holds, from those of its parts."""
    newest = max(times_us, default=None)
    if newest is None:
        raise DomainError("lake", "holds no event", "run `millstream replay` and a worker first")
    return newest


def lake_end_us(lake: EventColumns, sources: Iterable[SourcePlan]) -> int:
    """Newest event time that the lake holds; DomainError where it holds no event."""
    times = (lake.read(source, columns=())["event_us"] for source in sources)
    return newest_of(int(pc.max(of_topic).as_py()) for of_topic in times if len(of_topic))


def refuse_unknown(known: bool) -> None:
    """DomainError where no observation, as known, knows anything."""
    if not known:
        raise DomainError(
            "lake",
            "holds no event that had arrived before an observation",
            "a history that was replayed arrived when it was replayed: train on it as true",
        )


def fingerprint(names: Sequence[str], rows: Iterable[np.ndarray], labels: np.ndarray, at_us: np.ndarray) -> str:
    """SHA-256 over everything that a fit sees: equal for equal training sets, on any machine.

    ``rows`` are blocks ``[m, k]``, one after the other.
    """
    digest = hashlib.sha256("\n".join(names).encode())
    for column in chain(rows, (labels, at_us)):
        digest.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False).tobytes())
    return digest.hexdigest()


def refuse_protected(plan: Plan, service: str, protected: Collection[str]) -> None:
    """DomainError where a feature of the service is computed from a protected column."""
    asked = {(ref.view, ref.feature) for ref in plan.service(service).features}
    used = {
        (view.name, f.name): set().union(*(plan.source(topic).origins(f.column) for topic in view.topics))
        for view in plan.views
        for f in view.features
    }
    for feature in plan.request_features:
        if (feature.view, feature.name) in asked:
            inputs = [used.get((p.view or "", p.name), {p.name}) for p in feature.parameters]
            used[feature.view, feature.name] = set().union(*inputs)
    for ref in sorted(asked):
        for column in sorted(used[ref] & set(protected)):
            raise DomainError(
                f"feature {ref[0]}:{ref[1]}", f"is computed from {column}", "it is protected: leave it out"
            )
