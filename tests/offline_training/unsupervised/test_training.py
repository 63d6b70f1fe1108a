"""Models without labels, from the lake to the registry by one `train`, and to a scorer that takes them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from deploy.servers import MlflowServer
from features.bundle import MODEL_CARD, REFERENCE, Bundle
from features.errors import DomainError
from features.golden import read_golden
from features.lake import open_lake
from features.plan_shelf import functions_of
from grpc_api.pointer import Pointer
from grpc_api.proof import prove
from grpc_api.served_model import Declarations, ServedModel, load_model
from offline_training.bundle_writer import write_bundle
from offline_training.card import CardFacts
from offline_training.comparison import Scope, compare
from offline_training.dataset import build_dataset
from offline_training.training import train
from tests.offline_training.made_bundle import card_facts
from tests.offline_training.small_domain import LABELS, SmallDomain, small_domain
from tests.offline_training.unsupervised.machines import ANOMALY, BESIDE, CLUSTERING, UNLABELLED, machines

AT = datetime(2024, 4, 1, tzinfo=UTC)


class Made(NamedTuple):
    """What is known of one training, its bundle, and the model as a scorer has it."""

    facts: CardFacts
    bundle: Bundle
    served: ServedModel


def make(folder: Path, small: SmallDomain) -> Made:
    """Train, write the bundle, let model sync prove it, and load it as a scorer does."""
    functions = functions_of(small.plan, small.settings.state_dir("machines"))
    lake = open_lake(small.settings.lake_url("machines"))
    facts = card_facts(small, build_dataset(lake, small.plan, small.domain, "standstill", functions))
    bundle = write_bundle(folder / "bundle", facts)
    declared = [Declarations(small.plan, AT, functions)]
    pointer = Pointer(model="standstill", version="1", path="bundle", digest=bundle.digest)
    prove(bundle.path, pointer, declared)
    return Made(facts, bundle, load_model(bundle.path, pointer, declared))


@pytest.mark.parametrize(
    ("model", "labels", "pictures"),
    [
        (CLUSTERING, UNLABELLED, {"clusters.png"}),
        (ANOMALY | {"fairness": {"columns": ["hall"]}, "checks": {"min_stability": 0.5, "max_bias": 1.0}},
         BESIDE.replace("SELECT machine,", "SELECT machine, ascii(right(machine, 1)) % 2 AS hall,", 1),
         {"anomaly_scores.png", "fairness_hall.png"}),
    ],
)  # fmt: skip
def test_one_command_trains_publishes_and_promotes(
    tmp_path: Path, mlflow_server: MlflowServer, model: dict[str, Any], labels: str, pictures: set[str]
) -> None:
    """By its own checks; the reports are those that make sense without labels."""
    small = machines(tmp_path, model, labels=labels)
    report = train(small.settings, small.plan, small.domain, registry_uri=mlflow_server.uri)
    assert report.promoted, report.lines()
    assert (report.linear, report.single_rank, report.positives) == (None, None, None)
    assert report.exit_code == 0
    assert report.onnx_max_abs_diff == 0.0
    written = {path.name for path in Path(report.reports).iterdir()}
    assert pictures | {"feature_importance_model.png", MODEL_CARD, "model_card.html", "data_quality.html"} <= written
    assert not {"roc_curve.png", "eda_report.html"} & written
    assert "labelled" not in "\n".join(report.lines())


def test_a_clustering_is_served(tmp_path: Path) -> None:
    """It decides on the nearest of the clusters, which are named by their size, and scores the distance to it."""
    made = make(tmp_path, machines(tmp_path, CLUSTERING))
    assert made.bundle.manifest.classes == ("cluster_0", "cluster_1", "cluster_2")
    golden = read_golden(made.bundle)
    for raws in golden.raw_scores[:50].tolist():
        prediction = made.served.head.predict(raws)
        distances = [-raw for raw in raws]
        assert prediction.score == min(distances)
        assert prediction.decision == f"cluster_{distances.index(min(distances))}"
    reference = pq.read_table(made.bundle.file(REFERENCE))
    assert min(reference["score"].to_pylist()) >= 0.0
    rows = made.facts.fitted.learned.raw(made.facts.data.rows).argmax(axis=1)
    assert (np.diff(np.bincount(rows)) <= 0).all()
    metrics = made.bundle.manifest.metrics
    assert {"silhouette", "inertia", "stability", "simplified_silhouette"} <= metrics.keys()
    assert "adjusted_rand" not in metrics
    assert made.bundle.manifest.gates is not None
    assert set(made.bundle.manifest.gates) == {"against_shuffled_columns"}
    card = made.bundle.file(MODEL_CARD).read_text()
    assert "Gives the distance of an observation to each of 3 clusters" in card
    assert "| silhouette |" in card


def test_an_anomaly_model_is_served(tmp_path: Path) -> None:
    """An anomaly begins where the contamination of the rows that it learned from does; labels are heard by nobody."""
    small = machines(tmp_path, ANOMALY, labels=BESIDE)
    made = make(tmp_path, small)
    decision = made.bundle.manifest.decision
    assert decision is not None
    (threshold,) = decision.thresholds
    raws = made.facts.fitted.tested.raw(made.facts.data.rows[made.facts.fitted.split.earlier])
    scores = np.array([made.served.head.predict(raw).score for raw in raws.tolist()])
    assert (scores >= threshold).mean() == pytest.approx(0.05, abs=0.005)
    assert ((scores > 0.0) & (scores <= 1.0)).all()
    assert made.served.head.predict(raws[int(scores.argmax())].tolist()).decision == "odd"
    metrics = made.bundle.manifest.metrics
    assert {"flagged", "stability", "roc_auc", "score_p99"} <= metrics.keys()
    assert made.served.explainer.can_explain

    bare = tmp_path / "bare"
    bare.mkdir()
    without = make(bare, machines(bare, ANOMALY))
    assert without.facts.fitted.exported.onnx == made.facts.fitted.exported.onnx
    assert "roc_auc" not in without.bundle.manifest.metrics
    assert without.bundle.manifest.gates == {}


def test_what_labels_would_tell_of_is_refused(tmp_path: Path) -> None:
    """Categories that labels stand for, before anything is fitted for long; and a comparison by outcomes."""
    categories = {"preparation": {"categories": {"work:idle_s": {}}}}
    small = machines(tmp_path, CLUSTERING, **categories)
    with pytest.raises(DomainError, match=r"categories\.work:idle_s: has \d+ categories, of which labels"):
        make(tmp_path, small)
    lake = open_lake(small.settings.lake_url("machines"))
    with pytest.raises(DomainError, match="learns without labels"):
        compare(lake, small.plan, small.domain, "standstill", {}, Scope(within_us=1))


@pytest.mark.parametrize(
    ("model", "labels", "says"),
    [
        ({}, UNLABELLED, r"labels\.sql: yields the columns .*the model needs .*label"),
        (ANOMALY, LABELS.replace("day % 3", "day % 3").replace(" AS label", "::INT * 2 AS label"), "an anomaly is 1"),
        (CLUSTERING, LABELS.replace("(NOT EXISTS", "'x' || (NOT EXISTS"), "is no number"),
    ],
)
def test_labels_that_cannot_stand_beside_are_refused(
    tmp_path: Path, model: dict[str, Any], labels: str, says: str
) -> None:
    """And a task that learns from labels asks for them as ever."""
    small = small_domain(tmp_path, labels=labels, **model)
    functions = functions_of(small.plan, small.settings.state_dir("machines"))
    with pytest.raises(DomainError, match=says):
        build_dataset(open_lake(small.settings.lake_url("machines")), small.plan, small.domain, "standstill", functions)
