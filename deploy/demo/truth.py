"""What then happened: served scores against the outcomes that the lake knows by now."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow.compute as pc

from deploy.demo.asking import Round
from deploy.instants import to_us
from features.domain import Domain
from features.judge import Judge
from features.lake import Lake
from features.nouns import ScoreRecord
from features.plan import Plan
from features.vector import Assembler
from offline_training.evaluation import Evaluation, evaluate, roc_auc
from offline_training.observations import observe


class Verdict(NamedTuple):
    """How good one round was. ``simple_roc_auc`` is that of the baseline feature alone, as it was served."""

    round: Round
    scores: Evaluation
    simple_roc_auc: float


def judge_rounds(
    lake: Lake, judge: Judge, domain: Domain, threshold: float | None, rounds: list[Round], records: list[ScoreRecord]
) -> list[Verdict]:
    """Compare each round with the labels of its instant, where a model tells two outcomes apart.

    Rounds whose labels are not known yet are left out.
    """
    name = domain.demo.model
    spec = domain.models[name]
    if threshold is None:
        return []
    plan = judge.plan
    assembler = Assembler(plan, spec.service, judge.functions, spec.missing)
    observed = observe(
        lake, plan, domain, name, lake_end_us=lake_end_us(lake, plan), request_fields=assembler.request_fields
    )
    keys = list(observed.keys)
    columns = [observed.keys[key].to_pylist() for key in keys]
    outcome = dict(zip(zip(observed.at_us.tolist(), *columns, strict=True), observed.labels.tolist(), strict=True))
    served = {(record.as_of_us, *(record.entity[key] for key in keys)): record for record in records}
    verdicts = []
    for asked in rounds:
        at_us = to_us(asked.as_of)
        pairs = [
            (outcome[at_us, *who], score, served.get((at_us, *who)))
            for row, score in zip(asked.rows, asked.scores, strict=True)
            if (at_us, *(who := tuple(row.entity[key] for key in keys))) in outcome and score is not None
        ]
        labels = np.array([label for label, _, _ in pairs])
        if len(set(labels.tolist())) == 2:
            scores = evaluate(labels, np.array([score for _, score, _ in pairs]), threshold)
            simple = [baseline_of(record, spec.baseline_feature) for _, _, record in pairs]
            verdicts.append(Verdict(asked, scores, roc_auc_either_way(labels, np.array(simple))))
    return verdicts


def baseline_of(record: ScoreRecord | None, feature: str) -> float:
    """The baseline feature as it stood in a served vector; NaN where it was null."""
    if record is None or feature not in record.features:
        return float("nan")
    value = record.vector[record.features.index(feature)]
    return float("nan") if value is None else value


def roc_auc_either_way(labels: np.ndarray, ranking: np.ndarray) -> float:
    """ROC AUC of a ranking or of its reverse, whichever ranks; nulls stand at the median."""
    known = ranking[~np.isnan(ranking)]
    area = roc_auc(labels, np.nan_to_num(ranking, nan=float(np.median(known)) if len(known) else 0.0))
    return max(area, 1.0 - area)


def lake_end_us(lake: Lake, plan: Plan) -> int:
    """Newest event time that the lake holds."""
    newest = [pc.max(lake.read(source).column("event_us")).as_py() for source in plan.sources]
    return max((at_us for at_us in newest if at_us is not None), default=0)
