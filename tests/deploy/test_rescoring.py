"""Raw scores by the models that gave them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from deploy.rescoring import rescoring
from features.bundle import MODEL
from features.nouns import ScoreRecord
from tests.grpc_api.shop import run_onnx, write_bundle


def record_of(digest: str, vector: tuple[float | None, ...]) -> ScoreRecord:
    return ScoreRecord(
        request_id="r",
        scored_at=datetime(2026, 1, 2, tzinfo=UTC),
        as_of_us=0,
        model="buys",
        version="1",
        digest=digest,
        arm="champion",
        plan_hash="",
        service="buyers",
        entity={},
        views=(),
        features=(),
        vector=vector,
        raw_score=0.0,
        score=0.5,
        decision="buys",
    )


def test_a_recorded_vector_is_scored_by_the_model_of_its_digest(tmp_path: Path) -> None:
    """The scorer's bits; None where the bundle is not at hand or takes other vectors."""
    bundle = write_bundle(tmp_path / "bundle", weights=[0.1, 0.7, -0.3, 1.5, 0.2])
    raw_scores = rescoring({bundle.digest: bundle}.get)
    vector = tuple(np.random.default_rng(5).normal(size=len(bundle.manifest.features)).tolist())
    assert raw_scores(record_of(bundle.digest, vector)) == run_onnx(bundle.file(MODEL), np.array([vector]))[0].tolist()
    assert raw_scores(record_of("another", vector)) is None
    assert raw_scores(record_of(bundle.digest, vector[1:])) is None
    nulls = np.full((1, len(vector)), np.nan)
    assert (
        raw_scores(record_of(bundle.digest, (None,) * len(vector))) == run_onnx(bundle.file(MODEL), nulls)[0].tolist()
    )
