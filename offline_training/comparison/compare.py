"""Compares the arms of a model by their recorded scores and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from features.domain import Domain
from features.errors import DomainError
from features.head import UNSUPERVISED
from features.model_file import ModelSpec
from features.plan import Plan, SourcePlan
from features.routing import ARMS, CHALLENGER, CHAMPION, SHADOW, Arm
from features.vector import Assembler
from offline_training.comparison.bounded_mean import bounded_mean
from offline_training.comparison.lift import Prior, Tally, lift
from offline_training.comparison.outcomes import Joined, join_outcomes
from offline_training.comparison.proper_scores import ProperScores
from offline_training.comparison.quality import Outcomes, quality
from offline_training.comparison.report import ArmReport, ComparisonReport, Experiment, ShadowReport
from offline_training.comparison.scored import ScoresLake, read_scores
from offline_training.dataset import lake_end_us
from offline_training.observations import EventTables, Observations, observe

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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

    Of several classes, the outcome of a score is whether the class decided on came.
    """
    spec = domain.models[model]
    if spec.task in UNSUPERVISED:
        raise DomainError(f"model {model}", "learns without labels", "no outcome tells how good a score of it was")
    if spec.task == "regression":
        raise DomainError(
            f"model {model}", "predicts values", "rates, and the lift between them, are of outcomes of 0 and 1"
        )
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
    joined = join_outcomes(scores, observations, keys, within_us=scope.within_us, classes=spec.classes)
    return ComparisonReport(
        model=model,
        lake_end=_instant(end_us),
        within_s=scope.within_us / 1e6,
        arms=tuple(_arms(joined)),
        experiment=experiment_of(joined, lambda begin_us: _prior(spec, observations, begin_us)),
        shadow=shadow_of(joined, most_wrong=2.0 if spec.classes else 1.0),
        skipped=scores.skipped,
    )


def experiment_of(joined: Joined, prior: Callable[[int], Prior] = lambda _: Prior()) -> Experiment | None:
    """The newest challenger against the newest champion, since both answer; None without a challenger.

    A routing key counts for the arm that answered it first, by the first of its outcomes that is known: so each counts
    once, and keys that a change of shares has moved stay where they began. ``prior`` tells what was known of the rate
    at an instant (event time).
    """
    champions, challengers = (_newest(joined, arm) for arm in (CHAMPION, CHALLENGER))
    if champions is None or challengers is None:
        return None
    since_us = max(champions.scored_us[0], challengers.scored_us[0])
    versions = {CHAMPION: champions.version[0], CHALLENGER: challengers.version[0]}
    answered = np.array([versions.get(arm) == version for arm, version in zip(joined.arm, joined.version, strict=True)])
    rows = joined.take(answered & (joined.scored_us >= since_us))
    units, first = np.unique(rows.unit, return_index=True)
    began_as = dict(zip(units.tolist(), rows.arm[first].tolist(), strict=True))
    known = rows.known
    units, first = np.unique(known.unit, return_index=True)
    arms = np.array([began_as[unit] for unit in units.tolist()], dtype=object)
    labels = known.label[first]
    tallies = {arm: Tally(int((arms == arm).sum()), int(labels[arms == arm].sum())) for arm in (CHAMPION, CHALLENGER)}
    return Experiment(
        champion=versions[CHAMPION],
        challenger=versions[CHALLENGER],
        since=_instant(int(since_us)),
        units={arm: tally.n for arm, tally in tallies.items()},
        positives={arm: tally.positives for arm, tally in tallies.items()},
        lift=lift(tallies[CHAMPION], tallies[CHALLENGER], prior=prior(int(rows.as_of_us.min()))),
    )


def shadow_of(joined: Joined, *, most_wrong: float = 1.0) -> ShadowReport | None:
    """The newest shadow against the answers to the same requests; None without a shadow.

    ``most_wrong`` is the largest squared error that a score can have.
    """
    newest = _newest(joined, SHADOW)
    if newest is None:
        return None
    answered = joined.take(joined.arm != SHADOW)
    rows = {request: row for row, request in enumerate(_requests(answered))}
    pairs = [(row, rows[request]) for row, request in enumerate(_requests(newest)) if request in rows]
    at = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    shadows, answers = newest.take(at[:, 0]), answered.take(at[:, 1])
    known = np.flatnonzero(~np.isnan(shadows.brier) & ~np.isnan(answers.brier))
    first = known[np.unique(shadows.unit[known], return_index=True)[1]]
    first.sort()
    gains = shadows.brier[first] - answers.brier[first]
    differences = shadows.score - answers.score
    n = len(pairs)
    return ShadowReport(
        version=str(newest.version[0]),
        pairs=n,
        agreement=float((shadows.decision == answers.decision).mean()) if n else None,
        mean_score_difference=float(differences.mean()) if n else None,
        mean_absolute_difference=float(np.abs(differences).mean()) if n else None,
        outcomes=len(first),
        brier_difference=bounded_mean(gains, -most_wrong, most_wrong) if len(first) else None,
    )


def _arms(joined: Joined) -> Iterator[ArmReport]:
    """Each version as each arm; of the scores before one observation, the last is held against it."""
    for arm, version in sorted(set(zip(joined.arm, joined.version, strict=True)), key=_in_order):
        rows = joined.take((joined.arm == arm) & (joined.version == version))
        latest = rows.known.reversed
        latest = latest.take(np.unique(latest.observation, return_index=True)[1])
        units = np.unique(latest.unit, return_inverse=True)[1]
        yield ArmReport(
            arm=arm,
            version=version,
            records=len(rows.arm),
            units=len(np.unique(rows.unit)),
            outcomes=len(latest.label),
            quality=quality(Outcomes(latest.label, latest.score, ProperScores(latest.brier, latest.log_loss), units)),
        )


def _in_order(who: tuple[Arm, str]) -> tuple[int, int, str]:
    arm, version = who
    return ARMS.index(arm), int(version) if version.isdecimal() else 0, version


def _newest(joined: Joined, arm: Arm) -> Joined | None:
    """All records of the version that scored last as an arm; None where none has."""
    rows = joined.take(joined.arm == arm)
    return rows.take(rows.version == rows.version[-1]) if len(rows.arm) else None


def _requests(rows: Joined) -> Iterator[tuple[str, int, int]]:
    """What tells requests apart: callers may use an id for several."""
    return zip(rows.request_id.tolist(), rows.as_of_us.tolist(), rows.unit.tolist(), strict=True)


def _prior(spec: ModelSpec, observations: Observations, begin_us: int) -> Prior:
    """What is known of the rate as an experiment begins: by observations whose horizons are over by then.

    Of how often the class decided on comes they tell nothing.
    """
    labels = observations.labels[observations.at_us <= begin_us - spec.horizon_us]
    return Prior.around(float(labels.mean())) if len(labels) and spec.task == "binary" else Prior()


def _instant(at_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=at_us)
