"""Handwritten digits, as scikit-learn ships them, from a table of pictures to answers of a convolutional network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from sklearn.datasets import load_digits

from deploy.servers import MlflowServer
from features.approval.rules import rules_of
from features.bundle import MODEL_CARD
from features.compiler import compile_plan
from features.decode import Decoder
from features.domain import load_domain
from features.judge import Judge, judge_of
from features.lake import LakeBatch, open_lake
from features.nouns import SCORES_SOURCE
from features.plan_shelf import compiled_at, functions_of, put_on_shelf
from features.settings import Settings
from features.verify import verify
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api._generated.inference import open_inference_pb2_grpc as rpc
from grpc_api.client_errors import CallRefusedError
from grpc_api.mlflow_registry import MlflowRegistry
from grpc_api.model_sync import ModelSync
from grpc_api.pointer import models_dir
from grpc_api.served_model import Declarations
from millstream import Client
from offline_training.report import TrainingReport
from offline_training.training import train
from tests.features.small_domain import FILES
from tests.grpc_api.rest_client import RestClient
from tests.grpc_api.shop import Shop, open_shop

pytestmark = [pytest.mark.servers, pytest.mark.slow]

NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
LOG = "AAAAAAAAQACAAAAAAAAAAQ"
DEFINITIONS = """
import inspect

from feast import FeatureService, Field, OnDemandFeatureView, RequestSource
from feast.types import Float64

PIXELS = [f"pixels_{number}" for number in range(64)]
picture = RequestSource(name="picture", schema=[Field(name=name, dtype=Float64) for name in PIXELS])


def same(inputs):
    return dict(inputs)


image = OnDemandFeatureView(
    name="image",
    sources=[picture],
    schema=[Field(name=name, dtype=Float64) for name in PIXELS],
    mode="python",
    udf=same,
    udf_string=inspect.getsource(same),
)
digits = FeatureService(name="digits", features=[image])
"""
MODEL: dict[str, Any] = {
    "service": "digits",
    "task": "multiclass",
    "classes": list(NAMES),
    "dataset": {"url": "data/digits.parquet"},
    "split": {"test_share": 0.2},
    "baseline_feature": "image:pixels_36",
    "algorithm": "cnn",
    "params": {"image_shape": "8x8x1", "filters": 8, "hidden_units": 32, "learning_rate": 0.01, "epochs": 8},
    "targets": {"accuracy": 0.95},
    "card": {"description": "Which digit it is.", "limitations": "8 x 8 pixels.", "ethics": "Digits do not mind."},
    "approval": "policy",
    "checks": {"min_accuracy": 0.95},
}


class Pictures(NamedTuple):
    """A training of the domain, and a scorer that serves what model sync has brought of it."""

    report: TrainingReport
    shop: Shop
    client: Client
    judge: Judge


@pytest.fixture(scope="module")
def pictures(mlflow_server: MlflowServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pictures]:
    """Trained, registered, approved, fetched, proven and served."""
    folder = tmp_path_factory.mktemp("pictures")
    repo = folder / "repo"
    (repo / "data").mkdir(parents=True)
    (repo / "feature_store.yaml").write_text(FILES["feature_store.yaml"].replace("parcels", "digits"))
    (repo / "definitions.py").write_text(DEFINITIONS)
    (repo / "transforms.py").write_text('"""None is needed: pixels are as the caller sends them."""\n')
    (repo / "model.yaml").write_text(yaml.safe_dump({"models": {"digits": MODEL}}))
    shown = load_digits()
    labels = [NAMES[number] for number in shown.target]
    pq.write_table(pa.table({"pixels": shown.data.tolist(), "label": labels}), repo / "data" / "digits.parquet")
    settings, plan, domain = Settings(repo=repo, var=folder / "var"), compile_plan(repo), load_domain(repo)
    state_dir = settings.state_dir("digits")
    put_on_shelf(plan, (repo / "transforms.py").read_bytes(), state_dir)
    report = train(settings, plan, domain, registry_uri=mlflow_server.uri, quick=True)
    declared = Declarations(plan, compiled_at(state_dir, plan.hash), functions_of(plan, state_dir))
    sync = ModelSync(
        registry=MlflowRegistry(mlflow_server.uri),
        models=["digits"],
        folder=models_dir(state_dir),
        declared=lambda: [declared],
        rules=lambda model: rules_of(domain, model),
    )
    sync.look()
    with open_shop(models_dir(state_dir), declared=(declared,)) as (shop, client):
        yield Pictures(report, shop, client, judge_of(plan, domain.models, state_dir))


def test_it_reads_digits(pictures: Pictures) -> None:
    """Better than its target, within its stated distance; its checkpoints and its log lie in the run folder."""
    report = pictures.report
    assert report.promoted
    assert report.algorithm == "cnn"
    assert [target.met for target in report.targets] == [True]
    assert report.onnx_max_abs_diff < 1e-9
    assert 1 <= int(report.params["epochs"]) <= 8
    run = Path(report.reports).parent
    assert len(list((run / "checkpoints").glob("*.npz"))) == 3
    assert len(list((run / "tensorboard").glob("*/events.out.tfevents.*"))) == 3
    card = (run / "reports" / MODEL_CARD).read_text()
    assert "each of **zero**, **one**" in card


def test_every_door_gives_the_same_answer(pictures: Pictures, tmp_path: Path) -> None:
    """Pixels by name, as a vector, over REST, and as a tensor; and the records are proven."""
    shop, shown = pictures.shop, load_digits()
    rows = shown.data[:40]
    by_name = [{f"pixels_{number}": pixel for number, pixel in enumerate(row)} for row in rows.tolist()]
    scores = [pictures.client.score({}, model="digits", request=request) for request in by_name]
    assert (
        sum(one.decision == NAMES[number] for one, number in zip(scores, load_digits().target[:40], strict=True)) >= 38
    )
    expected = [(one.decision, one.score) for one in scores]

    tensor = pb.ModelInferRequest.InferInputTensor(name="features", datatype="FP64", shape=rows.shape)
    tensor.contents.fp64_contents.extend(rows.ravel().tolist())
    with grpc.insecure_channel(shop.address) as channel:
        stub = rpc.GRPCInferenceServiceStub(channel)
        outputs = {
            one.name: one.contents
            for one in stub.ModelInfer(pb.ModelInferRequest(model_name="digits", inputs=[tensor])).outputs
        }
    names = [name.decode() for name in outputs["decision"].bytes_contents]
    assert list(zip(names, outputs["score"].fp64_contents, strict=True)) == expected

    with closing(RestClient(shop.rest_address)) as rest:
        instances = [{"features": row} for row in rows.tolist()]
        batch = rest.post("/predict_batch", {"model": "digits", "instances": instances}).json["predictions"]
        assert [(one["prediction"], one["probability"]) for one in batch] == expected
        single = rest.post("/predict", {"model": "digits", "request": by_name[0]}).json
        assert (single["prediction"], single["probability"]) == expected[0]

    records = shop.records.records
    values = [msgspec.json.encode(record) for record in records]
    kafka_us = [int(records[-1].scored_at.timestamp() * 1e6)] * len(values)
    lake = open_lake(str(tmp_path / "lake"))
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    lake.append(SCORES_SOURCE, LOG, 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))
    proven = verify(lake, pictures.judge)
    assert (proven.mismatched, proven.checked) == (0, len(rows) + 1)


def test_nothing_is_explained_that_is_not_exact(pictures: Pictures) -> None:
    """A network has no exact contributions here, and says so."""
    with pytest.raises(CallRefusedError, match="no exact contributions are known of its kind"):
        pictures.client.explain({}, model="digits", request={"pixels_0": 0.0})
