"""Compares the arms of a model by their recorded scores and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED
from features.model_file import ModelSpec
from features.plan import Plan, SourcePlan
from features.routing import ARMS, Arm
from features.vector import Assembler
from offline_training.comparison.experiment import experiment_of, values_experiment_of
from offline_training.comparison.instants import to_instant
from offline_training.comparison.lift import Prior
from offline_training.comparison.outcomes import Joined, join_outcomes
from offline_training.comparison.proper_scores import ProperScores
from offline_training.comparison.quality import Outcomes, quality, values_quality
from offline_training.comparison.report import ArmReport, ComparisonReport, Quality, ValuesQuality
from offline_training.comparison.scored import ScoresLake, read_scores
from offline_training.comparison.shadow import shadow_of, values_shadow_of
from offline_training.dataset import lake_end_us
from offline_training.observations import EventTables, Observations, observe


class EventsAndScores(EventTables, ScoresLake, Protocol):
    """The part of the lake that comparing reads."""

    def read(
        self,
        source: SourcePlan,
        *,
        keep: Callable[[pa.Table], pa.Table] | None = None,
        columns: Collection[str] | None = None,
    ) -> pa.Table:
        """Valid records of a topic, each once."""
        ...


class Scope(NamedTuple):
    """Which records are compared: made at ``since_us`` or later, with an observation that begins within a time.

    ``by`` are the join keys that make up the routing key; empty: all of the entity.
    """

    within_us: int
    since_us: int = 0
    by: tuple[str, ...] = ()


def compare(
    lake: EventsAndScores,
    plan: Plan,
    domain: Domain,
    model: str,
    functions: Mapping[str, Callable[..., Any]],
    scope: Scope,
) -> ComparisonReport:
    """Hold the records of a model against the outcomes that the lake can tell; DomainError where it can tell none.

    Of several classes, the outcome of a score is whether the class decided on came; of values, it is the value.
    """
    spec = domain.models[model]
    if spec.task in UNSUPERVISED:
        raise DomainError(f"model {model}", "learns without labels", "no outcome tells how good a score of it was")
    if not spec.timed or not plan.views_of_service(spec.service):
        raise DomainError(
            f"model {model}",
            "has observations of no entity or no instant",
            "no score of it can be joined with an outcome",
        )
    assembler = Assembler(plan, spec.service, functions, spec.missing)
    keys = list(dict.fromkeys(key.name for view in assembler.views for key in view.keys))
    end_us = lake_end_us(lake, plan.sources)
    observations = observe(lake, plan, domain, model, lake_end_us=end_us, request_fields=assembler.request_fields)
    scores = read_scores(lake, model, keys, scope.by, since_us=scope.since_us)
    joined = join_outcomes(scores, observations, keys, within_us=scope.within_us, task=spec.task, classes=spec.classes)
    of_values = spec.task == "regression"
    return ComparisonReport(
        model=model,
        lake_end=to_instant(end_us),
        within_s=scope.within_us / 1e6,
        arms=tuple(_arms(joined, values_quality if of_values else quality)),
        experiment=values_experiment_of(joined)
        if of_values
        else experiment_of(joined, lambda begin_us: _prior(spec, observations, begin_us)),
        shadow=values_shadow_of(joined) if of_values else shadow_of(joined, most_wrong=2.0 if spec.classes else 1.0),
        skipped=scores.skipped,
    )


def _arms(joined: Joined, judge: Callable[[Outcomes], Quality | ValuesQuality | None]) -> Iterator[ArmReport]:
    """Each version as each arm; of the scores before one observation, the last is held against it."""
    for arm, version in sorted(set(zip(joined.arm, joined.version, strict=True)), key=_in_order):
        rows = joined.take((joined.arm == arm) & (joined.version == version))
        latest = rows.known.reversed
        latest = latest.take(np.unique(latest.observation, return_index=True)[1])
        yield ArmReport(
            arm=arm,
            version=version,
            records=len(rows.arm),
            units=len(np.unique(rows.unit)),
            outcomes=len(latest.label),
            quality=judge(
                Outcomes(latest.label, latest.score, ProperScores(latest.squared_error, latest.log_loss), latest.unit)
            ),
        )


def _in_order(who: tuple[Arm, str]) -> tuple[int, int, str]:
    arm, version = who
    return ARMS.index(arm), int(version) if version.isdecimal() else 0, version


def _prior(spec: ModelSpec, observations: Observations, begin_us: int) -> Prior:
    """What is known of the rate as an experiment begins: by observations whose horizons are over by then.

    Of how often the class decided on comes they tell nothing.
    """
    labels = observations.labels[observations.at_us <= begin_us - spec.horizon_us]
    return Prior.around(float(labels.mean())) if len(labels) and spec.task == "binary" else Prior()
