"""Every task from labels to a bundle that a scorer takes: classes and values as well as yes and no."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.bundle import MODEL_CARD, REFERENCE, Bundle
from features.errors import DomainError
from features.golden import read_golden
from features.lake import open_lake
from features.model_file import ModelSpec
from features.plan_shelf import functions_of
from grpc_api.pointer import Pointer
from grpc_api.proof import prove as prove_served
from grpc_api.served_model import Declarations, ServedModel, load_model
from offline_training.bundle_writer import write_bundle
from offline_training.dataset import Dataset, build_dataset
from offline_training.fitting import Fitted, fit
from tests.offline_training.learners.tasks import SMALL
from tests.offline_training.made_bundle import card_facts
from tests.offline_training.small_domain import LABELS, small_domain

AT = datetime(2024, 4, 1, tzinfo=UTC)
JOBS = """(
    SELECT count(*) FROM jobs j
    WHERE j.machine = m.machine AND j.ended_at >= seen_at AND j.ended_at < seen_at + INTERVAL 10 DAY
  )"""
STANDS = LABELS[LABELS.index("(NOT EXISTS") : LABELS.index(" AS label")]
CLASSES = ("still", "slow", "busy")
NAMED = f"CASE WHEN {JOBS} = 0 THEN 'still' WHEN {JOBS} < 3 THEN 'slow' ELSE 'busy' END"
NUMBERED = f"CASE WHEN {JOBS} = 0 THEN 0 WHEN {JOBS} < 3 THEN 1 ELSE 2 END"
OPEN_GATES = {"max_below_linear": 0.5, "min_above_baseline": -0.5}
MULTICLASS: dict[str, Any] = {"task": "multiclass", "classes": list(CLASSES), "decision": None, "gates": OPEN_GATES}
REGRESSION: dict[str, Any] = {"task": "regression", "decision": None, "gates": OPEN_GATES}


class Made(NamedTuple):
    """What came of one training, and the model as a scorer has it."""

    spec: ModelSpec
    data: Dataset
    fitted: Fitted
    bundle: Bundle
    served: ServedModel


def _data(folder: Path, label: str, **model: Any) -> tuple[Any, Dataset]:
    small = small_domain(folder, labels=LABELS.replace(STANDS, label), **model)
    functions = functions_of(small.plan, small.settings.state_dir("machines"))
    lake = open_lake(small.settings.lake_url("machines"))
    return small, build_dataset(lake, small.plan, small.domain, "standstill", functions)


def _make(folder: Path, label: str, **model: Any) -> Made:
    """Train, write the bundle, let model sync prove it, and load it as a scorer does."""
    small, data = _data(folder, label, **model)
    facts = card_facts(small, data)
    bundle = write_bundle(folder / "bundle", facts)
    functions = functions_of(small.plan, small.settings.state_dir("machines"))
    declared = [Declarations(small.plan, AT, functions)]
    pointer = Pointer(model="standstill", version="1", path="bundle", digest=bundle.digest)
    prove_served(bundle.path, pointer, declared)
    return Made(facts.spec, data, facts.fitted, bundle, load_model(bundle.path, pointer, declared))


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "random_forest", "logistic_regression", "mlp"])
def test_a_model_of_several_classes_is_served(algorithm: str, tmp_path: Path) -> None:
    """SQL names the classes; the scorer decides on the likeliest, and the reference has that one's score."""
    made = _make(tmp_path, NAMED, algorithm=algorithm, params=SMALL.get(algorithm, {}), **MULTICLASS)
    assert sorted(set(made.data.labels.tolist())) == [0.0, 1.0, 2.0]
    assert made.bundle.manifest.classes == CLASSES
    assert made.bundle.manifest.window.positives is None
    golden = read_golden(made.bundle)
    prediction = made.served.head.predict(golden.raw_scores[0].tolist())
    assert prediction.decision == CLASSES[int(golden.raw_scores[0].argmax())]
    assert sum(prediction.scores) == pytest.approx(1.0)
    reference = pq.read_table(made.bundle.file(REFERENCE))
    assert min(reference["score"].to_pylist()) >= 1 / 3 - 1e-9
    card = made.bundle.file(MODEL_CARD).read_text()
    assert "each of **still**, **slow**, **busy**" in card
    assert f"`{algorithm}`" in card


@pytest.mark.parametrize("algorithm", ["lightgbm", "xgboost", "random_forest", "ridge", "mlp"])
def test_a_model_of_values_is_served(algorithm: str, tmp_path: Path) -> None:
    """Its score is its raw score."""
    made = _make(tmp_path, JOBS, algorithm=algorithm, params=SMALL.get(algorithm, {}), **REGRESSION)
    assert made.bundle.manifest.decision is None
    golden = read_golden(made.bundle)
    raw = float(golden.raw_scores[0, 0])
    assert made.served.head.predict([raw]).score == raw
    assert {"r2", "mae", "rmse", "linear_r2"} <= set(made.bundle.manifest.metrics)
    assert "Gives the label of `labels.sql`" in made.bundle.file(MODEL_CARD).read_text()


@pytest.mark.parametrize("algorithm", ["xgboost", "random_forest", "extra_trees", "logistic_regression", "mlp"])
def test_a_binary_model_of_any_algorithm_is_served(algorithm: str, tmp_path: Path) -> None:
    """Whether its raw scores are log-odds or probabilities."""
    made = _make(tmp_path, STANDS, algorithm=algorithm, params=SMALL.get(algorithm, {}))
    golden = read_golden(made.bundle)
    scores = [made.served.head.predict(raws).score for raws in golden.raw_scores.tolist()]
    assert 0.0 <= min(scores) < max(scores) <= 1.0
    assert made.served.head.predict(golden.raw_scores[0].tolist()).decision in {"stands", "runs"}
    assert made.served.explainer.can_explain is (made.fitted.exported.explanation is not None)


def test_a_value_may_be_decided_on(tmp_path: Path) -> None:
    """At or above a threshold, which need not be a probability."""
    decision = {"threshold": 3.0, "positive": "busy", "negative": "idle"}
    made = _make(tmp_path, JOBS, params={}, **REGRESSION | {"decision": decision})
    assert [made.served.head.predict([raw]).decision for raw in (2.9, 3.0)] == ["idle", "busy"]


def test_classes_may_be_numbered(tmp_path: Path) -> None:
    """In the order that model.yaml names them."""
    (tmp_path / "named").mkdir()
    (tmp_path / "numbered").mkdir()
    _, named = _data(tmp_path / "named", NAMED, **MULTICLASS)
    _, numbered = _data(tmp_path / "numbered", NUMBERED, **MULTICLASS)
    assert named.labels.tolist() == numbered.labels.tolist()


def test_names_that_are_numbers_are_names(tmp_path: Path) -> None:
    """Not places, whether SQL has them as text or, as a CSV file, as numbers of either kind."""
    turned = MULTICLASS | {"classes": ["2", "1", "0"]}
    found = []
    for kind in ("BIGINT", "DOUBLE", "VARCHAR"):
        (tmp_path / kind).mkdir()
        found.append(_data(tmp_path / kind, f"({NUMBERED})::{kind}", **turned)[1].labels.tolist())
    (tmp_path / "named").mkdir()
    (tmp_path / "none").mkdir()
    places = _data(tmp_path / "named", NAMED, **MULTICLASS)[1].labels
    assert found == [(2.0 - places).tolist()] * 3
    with pytest.raises(DomainError, match="names what is no class"):
        _data(tmp_path / "none", "3", **turned)


@pytest.mark.parametrize(
    ("label", "model", "says"),
    [
        ("'lost'", MULTICLASS, "names what is no class; the classes are"),
        ("3", MULTICLASS, "values other than 0 to 2"),
        ("0.5", MULTICLASS, "values other than 0 to 2"),
        ("2", {}, "values other than 0 and 1"),
        ("'yes'", {}, "is no number"),
        ("'Infinity'::DOUBLE", REGRESSION, "NaN or infinity"),
        ("-1e200::DOUBLE", REGRESSION, "is beyond 1e+100"),
    ],
)
def test_labels_that_are_not_the_tasks_are_refused(
    label: str, model: dict[str, Any], says: str, tmp_path: Path
) -> None:
    """With the file named."""
    with pytest.raises(DomainError, match=r"labels\.sql: label") as refused:
        _data(tmp_path, label, **model)
    assert says in str(refused.value)


def test_a_class_that_history_lacks_is_refused(tmp_path: Path) -> None:
    """None could learn it."""
    small, data = _data(tmp_path, NAMED, **MULTICLASS)
    spec = small.domain.models["standstill"]
    with pytest.raises(DomainError, match="training rows: has no row of class 1"):
        fit(data._replace(labels=np.where(data.labels == 1.0, 2.0, data.labels)), spec, lambda _: None)
