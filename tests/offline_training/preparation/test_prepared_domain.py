"""A small domain that declares every step, from its lake to explanations of a scorer that knows of none."""

from __future__ import annotations

import asyncio
import math
from pathlib import Path

import numpy as np
import pytest

from deploy.servers import MlflowServer
from features.bundle import read_bundle
from features.clock import FrozenClock
from features.golden import first_difference, read_golden
from grpc_api.mlflow_registry import MlflowRegistry
from grpc_api.model_explainer import ModelExplainer
from grpc_api.session import open_scorer
from offline_training.training import train
from tests.offline_training.small_domain import small_domain

PREPARATION = {
    "time_parts": {"work:age_s": {"parts": ["hour", "is_weekend"], "offset_minutes": 60}},
    "ratios": {"jobs_a_second": {"numerator": "work:jobs_20d", "denominator": "work:idle_s", "otherwise": 0.0}},
    "categories": {"work:jobs_20d": {"smoothing": 5.0}, "work:mean_parts_5d": {}},
}
"""Counts and means as categories: of the first there are a few dozen, of the second thousands."""


@pytest.mark.servers
def test_a_prepared_model_is_served_as_any_other(mlflow_server: MlflowServer, tmp_path: Path) -> None:
    """The scorer runs the one graph: golden rows together and alone, and contributions of the domain's own features."""
    small = small_domain(tmp_path, preparation=PREPARATION)
    clock = FrozenClock(1_712_000_000_000_000)
    report = train(small.settings, small.plan, small.domain, registry_uri=mlflow_server.uri, clock=clock)
    download = tmp_path / "download"
    download.mkdir()
    bundle = read_bundle(MlflowRegistry(mlflow_server.uri).download(report.model, report.version, download))
    golden, scorer = read_golden(bundle), open_scorer(bundle)
    alone = np.concatenate([scorer.raw_scores(row[np.newaxis]) for row in golden.features[:100]])
    assert report.onnx_max_abs_diff == 0.0
    assert first_difference(golden.raw_scores, scorer.raw_scores(golden.features)) is None
    assert first_difference(golden.raw_scores[:100], alone) is None
    assert len(scorer.columns(golden.features[0])) > len(bundle.manifest.features)

    explainer = ModelExplainer(bundle, scorer)
    assert explainer.can_explain
    for row, (raw,) in zip(golden.features[:40], golden.raw_scores.tolist(), strict=False):
        found = asyncio.run(explainer.explain(row.tolist(), 0))
        assert len(found.contributions) == len(bundle.manifest.features)
        assert math.fsum([found.base, *found.contributions]) == pytest.approx(raw, abs=1e-9)
