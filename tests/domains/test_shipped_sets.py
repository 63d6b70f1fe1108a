"""A domain of small data sets that packages ship: clusters, values, anomalies and texts, trained, served and proven."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import r2_score

from deploy.rescoring import rescoring
from deploy.servers import MlflowServer
from features.approval.rules import rules_of
from features.bundle import Bundle, read_bundle
from features.compiler import apply_domain
from features.decode import Decoder
from features.domain import Domain, load_domain, project_name
from features.judge import judge_of
from features.lake import LakeBatch, open_lake
from features.nouns import SCORES_SOURCE
from features.plan import Plan
from features.plan_shelf import compiled_at, functions_of
from features.settings import Settings
from features.transforms import load_transforms
from features.verify import verify
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api._generated.inference import open_inference_pb2_grpc as rpc
from grpc_api.mlflow_registry import MlflowRegistry
from grpc_api.model_sync import ModelSync
from grpc_api.pointer import models_dir
from grpc_api.served_model import Declarations
from offline_training.training import train
from tests.grpc_api.rest_client import RestClient
from tests.grpc_api.shop import LOG, Shop, open_shop

SHIPPED = Path(__file__).resolve().parent / "shipped_sets"
Input = pb.ModelInferRequest.InferInputTensor
Contents = pb.InferTensorContents


class Site(NamedTuple):
    """The domain with its models trained and published, and the ways to ask for a score."""

    repo: Path
    plan: Plan
    domain: Domain
    state_dir: Path
    shop: Shop
    client: Any
    inference: Any
    rest: RestClient

    def bundle(self, model: str) -> Bundle:
        """What serves."""
        (manifest,) = models_dir(self.state_dir).glob(f"{model}/**/manifest.json")
        return read_bundle(manifest.parent)

    def table(self, name: str) -> pa.Table:
        """One of the data sets."""
        return pq.read_table(self.repo / "data" / f"{name}.parquet")

    def every_way(self, model: str, request: dict[str, Any]) -> tuple[str, float, dict[str, float]]:
        """Decision, score, and the score of each class; over gRPC, REST and the Open Inference Protocol alike."""
        asked = self.client.score({}, model=model, request=request)
        told = self.rest.post("/predict", {"model": model, "entity": {}, "request": request}).json
        assert told["prediction"] == (asked.decision or asked.score)
        inputs = [tensor(f"request.{name}", value) for name, value in request.items()]
        inferred = self.inference.ModelInfer(pb.ModelInferRequest(model_name=model, inputs=inputs))
        found = {
            one.name: (list(one.contents.fp64_contents) or list(one.contents.bytes_contents))[0]
            for one in inferred.outputs
        }
        assert (found.get("decision", b"").decode(), found["score"]) == (asked.decision, asked.score)
        classes = {one.name: one.score for one in asked.classes}
        assert {name: found[f"score.{name}"] for name in classes} == classes
        return asked.decision, asked.score, classes


def tensor(name: str, value: str | float) -> Input:
    """One value as an input of the protocol."""
    if isinstance(value, str):
        return Input(name=name, datatype="BYTES", shape=[1], contents=Contents(bytes_contents=[value.encode()]))
    return Input(name=name, datatype="FP64", shape=[1], contents=Contents(fp64_contents=[value]))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, mlflow_server: MlflowServer) -> Iterator[Site]:
    """Each model trained by its own command, let in by model sync, and served by one scorer."""
    folder = tmp_path_factory.mktemp("shipped")
    repo = folder / "shipped_sets"
    shutil.copytree(SHIPPED, repo, ignore=shutil.ignore_patterns("*.parquet", "__pycache__", "registry.db"))
    subprocess.run([sys.executable, str(repo / "data" / "make.py")], check=True)
    settings, domain = Settings(repo=repo, var=folder / "var"), load_domain(repo)
    state_dir = settings.state_dir(project_name(repo))
    plan = apply_domain(repo, state_dir, settings.store)
    for model in domain.models:
        report = train(settings, plan, domain, model=model, quick=True, registry_uri=mlflow_server.uri)
        assert report.promoted, report.lines()
    declared = Declarations(plan, compiled_at(state_dir, plan.hash), functions_of(plan, state_dir))
    ModelSync(
        registry=MlflowRegistry(mlflow_server.uri),
        models=list(domain.models),
        folder=models_dir(state_dir),
        declared=lambda: (declared,),
        rules=lambda model: rules_of(domain, model),
    ).look()
    with (
        open_shop(models_dir(state_dir), declared=(declared,)) as (shop, client),
        grpc.insecure_channel(shop.address) as channel,
        closing(RestClient(shop.rest_address)) as rest,
    ):
        yield Site(repo, plan, domain, state_dir, shop, client, rpc.GRPCInferenceServiceStub(channel), rest)


def test_a_flower_is_put_into_a_group(site: Site) -> None:
    """The nearest; scores are distances. Setosas, which lie apart, are together, and with hardly any other."""
    table = site.table("flowers")
    groups: dict[str, list[float]] = {}
    for measures, species in zip(table["measures"].to_pylist()[::5], table["label"].to_pylist()[::5], strict=True):
        request = {f"measures_{i}": value for i, value in enumerate(measures)}
        decision, score, distances = site.every_way("flower_kinds", request)
        assert score == min(distances.values()) == distances[decision]
        groups.setdefault(decision, []).append(species)
    assert set(groups) == {"cluster_0", "cluster_1", "cluster_2"}
    of_setosas = next(name for name, species in groups.items() if 0.0 in species)
    assert groups[of_setosas] == [0.0] * 10


def test_how_ill_a_patient_will_be_is_told(site: Site) -> None:
    """In the target's own unit, nearer than the average is."""
    table = site.table("patients")
    told, known = [], table["label"].to_numpy()[::3]
    for signs in table["signs"].to_pylist()[::3]:
        request = {f"signs_{i}": value for i, value in enumerate(signs)}
        _, score, classes = site.every_way("illness_later", request)
        assert classes == {}
        told.append(score)
    assert r2_score(known, told) > 0.35
    assert site.bundle("illness_later").manifest.metrics["r2"] > 0.35


def test_an_odd_reading_is_found(site: Site) -> None:
    """As by the labels that no training was told: each that is odd scores higher than any that is not."""
    table = site.table("flights")
    rows, labels = table["sensors"].to_pylist(), np.array(table["label"].to_pylist(), np.float64)
    (threshold,) = site.bundle("odd_flights").manifest.decision.thresholds  # type: ignore[union-attr]  # it has one
    scores: dict[float, list[float]] = {}
    for odd in (0.0, 1.0):
        for at in np.flatnonzero(labels == odd)[:25]:
            request = {f"sensors_{i}": float(value) for i, value in enumerate(rows[at])}
            decision, score, _ = site.every_way("odd_flights", request)
            assert decision == ("odd" if score >= threshold else "usual")
            scores.setdefault(odd, []).append(score)
    assert min(scores[1.0]) > max(scores[0.0])
    assert site.bundle("odd_flights").manifest.metrics["roc_auc"] > 0.95


def test_a_text_is_told_by_its_words(site: Site) -> None:
    """However it is written; of an empty text, and of one in words that nobody knows, the model says the same."""
    table = site.table("docstrings")
    texts, topics = table["page_text"].to_pylist()[::60], table["label"].to_pylist()[::60]
    told = [site.every_way("text_topics", {"page_text": text}) for text in texts]
    assert np.mean([decision == topic for (decision, _, _), topic in zip(told, topics, strict=True)]) > 0.8

    def scores(text: str) -> dict[str, float]:
        return site.every_way("text_topics", {"page_text": text})[2]

    known = "Design a digital filter, of a given order, by its frequency response."
    assert scores(known) == scores(known.upper()) == scores("  " + known.replace(" ", "\t\n… "))
    assert scores(known)["signal"] > 0.8
    assert scores(known + " filter" * 500) == scores(known + " filter" * 40)
    assert scores("ﬁlter") == scores("filter") != scores("filtér")


@pytest.mark.parametrize("text", ["", "\x00\ud7ff🦜", "x" * 100_000, "Ж" * 3_000 + " filter", "ſß ſß"])
def test_any_text_is_scored(site: Site, text: str) -> None:
    """Empty, of no words, endless, in other letters."""
    _, score, classes = site.every_way("text_topics", {"page_text": text})
    assert sum(classes.values()) == pytest.approx(1.0)
    assert 0.3 < score <= 1.0


def test_words_are_numbers_that_any_process_gives(site: Site) -> None:
    """Golden values: a change of the function would part training from serving; and hardly two words share one."""
    functions = load_transforms(site.repo)
    assert functions["term_0"]("Filter") == 207603620829794.0
    assert np.isnan([functions["term_1"]("Filter"), functions["term_0"](None)]).all()
    assert (functions["n_terms"](""), functions["n_terms"]("a-b_c 1")) == (0.0, 4.0)
    words = {word for text in site.table("docstrings")["page_text"].to_pylist() for word in text.lower().split()}
    numbers = {functions["term_0"](word) for word in words if word.isalnum()}
    assert len(numbers) == sum(word.isalnum() for word in words) > 2_000
    assert max(filter(None, numbers)) < 2.0**48


def test_every_score_is_proven(site: Site, tmp_path: Path) -> None:
    """From the recorded request alone: vector, raw scores by the model itself, scores, decision, to the bit."""
    records = site.shop.records.records
    assert {record.model for record in records} == set(site.domain.models)
    lake = open_lake(str(tmp_path / "lake"))
    values = [msgspec.json.encode(record) for record in records]
    kafka_us = [int(records[-1].scored_at.timestamp() * 1e6)] * len(values)
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    lake.append(SCORES_SOURCE, LOG, 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))
    proven = verify(lake, judge_of(site.plan, site.domain.models, site.state_dir, rescoring))
    assert proven.proven, proven
    assert proven.checked == proven.rescored == len(records) > 100
