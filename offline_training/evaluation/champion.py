"""The model against the one that serves now, on the same rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
import numpy as np

from features.bundle import MODEL, Bundle, Manifest, TrainingWindow
from features.head import to_scores
from features.model_file import ModelSpec
from features.plan import Plan
from offline_training.dataset import Dataset
from offline_training.estimate import Estimate
from offline_training.evaluation.figures import gain, to_figures
from offline_training.evaluation.intervals import estimate, resampled
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.significance import bootstrap_p_value, delong
from offline_training.proof import open_session, raw_scores
from offline_training.registry import Champion
from offline_training.split import Split


class Versus(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of both; ``gain`` is above 0 where ours is better, ``p_value`` that of a paired bootstrap."""

    ours: float
    theirs: float
    gain: Estimate
    p_value: float


class ChampionReport(msgspec.Struct, frozen=True, kw_only=True):
    """What was served when the model was trained, and how both do.

    ``not_comparable`` says why it could not score these rows, and then there are no figures. ``fitted_rows`` are the
    tested rows up to its last training row, which it may have been fitted on, so that they flatter it.
    ``delong_p_value`` is of the ROC AUC of two binary models.
    """

    version: str
    digest: str
    trained_until: datetime | None
    not_comparable: str = ""
    fitted_rows: int = 0
    figures: dict[str, Versus] = {}
    delong_p_value: float | None = None


def compare_with(
    champion: Champion, plan: Plan, spec: ModelSpec, data: Dataset, split: Split, ours: Outcomes
) -> ChampionReport:
    """Score the tested rows by the champion's own ONNX model, as it is served, and hold both against what happened."""
    manifest = champion.bundle.manifest
    report = ChampionReport(
        version=champion.version, digest=champion.bundle.digest, trained_until=manifest.window.last_at
    )
    reasons = "; ".join(_differences(manifest, plan, spec, data.names))
    if reasons:
        return msgspec.structs.replace(report, not_comparable=reasons)
    theirs = ours._replace(
        scores=served_scores(champion.bundle, data.names, data.rows[split.later]).reshape(ours.scores.shape),
        threshold=manifest.decision.thresholds[0] if manifest.decision else ours.threshold,
    )
    return msgspec.structs.replace(
        report,
        fitted_rows=_fitted_rows(manifest.window, data, split),
        figures=_figures(ours, theirs, spec.seed),
        delong_p_value=delong(ours.labels, ours.scores, theirs.scores).p_value if ours.task == "binary" else None,
    )


def served_scores(bundle: Bundle, names: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Scores ``[n, outputs]`` by a bundle's model in ONNX Runtime; its inputs are taken from the rows by name."""
    manifest = bundle.manifest
    order = [names.index(feature) for feature in manifest.features]
    raws = raw_scores(open_session(bundle.file(MODEL).read_bytes()), rows[:, order])
    return to_scores(manifest.link, raws)


def _fitted_rows(window: TrainingWindow, data: Dataset, split: Split) -> int:
    """How many of the tested rows the champion may have been fitted on: where rows have no instants, any."""
    if window.last_at is None or not data.timed:
        return len(split.later)
    return int((data.at_us[split.later] <= window.last_at.timestamp() * 1e6).sum())


def _differences(manifest: Manifest, plan: Plan, spec: ModelSpec, names: Sequence[str]) -> Iterator[str]:
    """Why these rows are not what the champion would be asked with."""
    if manifest.task != spec.task:
        yield f"it is a {manifest.task} model"
    elif manifest.classes != spec.classes:
        yield f"it tells {', '.join(manifest.classes)} apart"
    absent = [feature for feature in manifest.features if feature not in names]
    if absent:
        yield f"it reads {', '.join(absent)}, which this model does not"
    hashes = {view.name: view.hash for view in plan.views}
    changed = [view for view, digest in manifest.view_hashes.items() if hashes.get(view, digest) != digest]
    if changed:
        yield f"its views {', '.join(changed)} were declared otherwise"
    if manifest.transforms_sha256 != plan.transforms_sha256:
        yield "transforms.py was another"
    if manifest.missing != spec.missing:
        yield "its missing-value policy was another"


def _figures(ours: Outcomes, theirs: Outcomes, seed: int) -> dict[str, Versus]:
    """Both under the same resamples, so that what moves both does not count as a difference."""
    our_figures, their_figures = to_figures(ours), to_figures(theirs)
    one = np.ones((1, len(ours.labels)))
    our, their = our_figures.of(one), their_figures.of(one)
    our_drawn = resampled(ours, our_figures.of, seed=seed)
    their_drawn = resampled(theirs, their_figures.of, seed=seed)
    found = {}
    for name in our:
        mine, other = float(our[name][0]), float(their[name][0])
        if np.isnan(mine) or np.isnan(other) or name == "majority_accuracy":
            continue
        gains = np.asarray(gain(name, our_drawn[name], their_drawn[name]))
        found[name] = Versus(
            ours=mine,
            theirs=other,
            gain=estimate(gain(name, mine, other), gains),
            p_value=bootstrap_p_value(gains),
        )
    return found
