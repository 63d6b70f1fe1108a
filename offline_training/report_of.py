"""From all that a training knows to its report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from features.bundle import Bundle
from features.routing import Arm
from offline_training.baselines import LINEAR
from offline_training.card import CardFacts
from offline_training.evaluation import RANKED_BY
from offline_training.publishing import Release
from offline_training.report import TrainingReport
from offline_training.search.outcome import SearchReport


def report_of(
    arm: Arm,
    facts: CardFacts,
    search: SearchReport | None,
    bundle: Bundle,
    release: Release,
    reports: Path,
    seconds: Mapping[str, float],
) -> TrainingReport:
    """What there is to report once the bundle is registered; ``seconds`` are those of each part."""
    data, fitted, spec, manifest = facts.data, facts.fitted, facts.spec, facts.manifest
    fitted_on = data.whole.until(fitted.split.earlier_until_us)
    return TrainingReport(
        model=manifest.model,
        version=release.published.version,
        run_id=release.published.run_id,
        digest=bundle.digest,
        plan_hash=manifest.plan_hash,
        knowledge=data.knowledge,
        stage=release.stage,
        checks=release.checks,
        promoted=release.promoted,
        arm=arm,
        rows=len(fitted_on.labels),
        positives=int(fitted_on.labels.sum()) if spec.task == "binary" else None,
        first_at=data.instant(int(fitted_on.at_us.min())),
        last_at=data.instant(int(fitted_on.at_us.max())),
        test_at=data.instant(fitted.split.later_at_us),
        test=fitted.test,
        ranked_by=RANKED_BY[spec.task],
        linear=fitted.linear,
        linear_algorithm=LINEAR.get(spec.task, ""),
        single_feature=spec.baseline_feature,
        single_rank=fitted.single_rank,
        threshold=facts.judgement.threshold,
        gates=(*fitted.gates, *facts.judgement.gates),
        targets=facts.judgement.targets,
        reports=str(reports),
        algorithm=fitted.learned.learner,
        params=dict(fitted.learned.params),
        search=None if search is None else search.summary,
        refit_rows=manifest.window.rows,
        refit_positives=manifest.window.positives,
        served=data.served,
        refused_rows=data.left_out.refused,
        cut_off_rows=data.left_out.cut_off,
        onnx_max_abs_diff=fitted.proof.max_abs_diff,
        proven_rows=fitted.proof.n_rows,
        data_fingerprint=data.fingerprint,
        data_quality=facts.verdict.line(),
        seconds=dict(seconds),
    )
