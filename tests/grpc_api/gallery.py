"""A shop with a model of each task, asked over gRPC and over REST."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc
import numpy as np

from features.head import Decision, Head
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api._generated.inference import open_inference_pb2_grpc as rpc
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as scoring
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2_grpc as scoring_rpc
from millstream import Client
from tests.grpc_api.rest_client import RestClient
from tests.grpc_api.shop import Shop, open_shop, publish

N_FEATURES = 5
KINDS = ("cat", "dog", "hen")
WEIGHTS = np.random.default_rng(5).normal(size=(len(KINDS), N_FEATURES)).round(3).tolist()
UNEXPLAINED = {"explained": False}


class Gallery(NamedTuple):
    """The shop, and the ways to ask it."""

    shop: Shop
    client: Client
    scoring: Any
    inference: Any
    rest: RestClient

    def score_vectors(self, model: str, vectors: Any) -> list[scoring.ScoreResponse]:
        """The answers of ``ScoreBatch``, which all other ways are held against."""
        rows = [scoring.BatchRow(vector=scoring.Vector(values=vector)) for vector in vectors]
        response = self.scoring.ScoreBatch(scoring.ScoreBatchRequest(model=model, rows=rows))
        return [row.answer for row in response.rows]

    def infer(self, *inputs: Any, model: str = "buys", **more: Any) -> pb.ModelInferResponse:
        """The answer of ``ModelInfer``."""
        return self.inference.ModelInfer(pb.ModelInferRequest(model_name=model, inputs=inputs, **more))


@contextmanager
def open_gallery(models: Path) -> Iterator[Gallery]:
    """Models ``buys`` (binary), ``kinds`` (three classes), ``price`` (regression), ``odd`` (anomaly, in bands)."""
    publish(models, "1")
    kinds = Head("softmax", KINDS)
    publish(models, "2", model="kinds", task="multiclass", weights=WEIGHTS, head=kinds, **UNEXPLAINED)
    publish(models, "3", model="price", task="regression", head=Head("identity"), **UNEXPLAINED)
    bands = Head("identity", (), Decision(thresholds=(5.0, 50.0), names=("usual", "odd", "alarming")))
    publish(models, "4", model="odd", task="anomaly", head=bands, **UNEXPLAINED)
    with (
        open_shop(models) as (shop, client),
        grpc.insecure_channel(shop.address) as channel,
        closing(RestClient(shop.rest_address)) as rest,
    ):
        yield Gallery(shop, client, scoring_rpc.ScoringStub(channel), rpc.GRPCInferenceServiceStub(channel), rest)
