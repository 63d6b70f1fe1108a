"""A small domain with a store, models and a scorer in this process: what the tests of the scorer ask questions of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import pyarrow as pa
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

from features.bundle import (
    EXPLAIN,
    GOLDEN,
    MODEL,
    MODEL_CARD,
    MODEL_INPUT,
    MODEL_OUTPUT,
    REFERENCE,
    Bundle,
    Manifest,
    TrainingWindow,
    write_manifest,
)
from features.feast_layout import entity_key
from features.golden import GoldenRows, write_golden
from features.head import Decision, Head, Task
from features.kernels import open_kernel
from features.memory_store import MemoryStore
from features.model_file import DecisionSpec, ModelSpec
from features.nouns import KeyValue, ScoreRecord
from features.plan import (
    AggregatePlan,
    ColumnPlan,
    EntityKeyPlan,
    FeatureRef,
    ParameterPlan,
    Plan,
    RequestFeaturePlan,
    ServicePlan,
    SourcePlan,
    ViewPlan,
)
from features.routing import CHAMPION, Arm, Routing
from features.settings import ScorerSettings
from features.shapley import LinearTables, write_explanation
from features.store import Birth, StateWrite, Store, StoreReader
from features.vector import MissingPolicy
from grpc_api.metrics import ScorerMetrics
from grpc_api.pointer import Pointer, pointer_file, routing_file, write_pointer, write_routing
from grpc_api.score_record import encode_record
from grpc_api.scoring import Scored
from grpc_api.served_model import Declarations
from millstream import Client
from tests.grpc_api.running import RunningScorer

LOG = "AAAAAAAAQACAAAAAAAAAAQ"
BIRTH = "b1"
HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
NOON_US = 1_000 * DAY_US + 12 * HOUR_US

SALES = SourcePlan(
    topic="sales",
    timestamp_column="at",
    max_ahead_us=HOUR_US,
    columns=(
        ColumnPlan(name="buyer", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
    ),
)
SPEND = ViewPlan(
    name="spend",
    topic="sales",
    keys=(EntityKeyPlan(name="buyer", type="string"),),
    features=(
        AggregatePlan(name="n_day", function="count", column="price", window_us=DAY_US, hop_us=HOUR_US),
        AggregatePlan(name="sum_day", function="sum", column="price", window_us=DAY_US, hop_us=HOUR_US),
        AggregatePlan(name="mean_day", function="mean", column="price", window_us=DAY_US, hop_us=HOUR_US),
        AggregatePlan(name="since_last", function="seconds_since_last", column="price"),
    ),
    ttl_us=30 * DAY_US,
    hash="0123456789abcdef",
)
PAIRS = ViewPlan(
    name="pairs",
    topic="sales",
    keys=(EntityKeyPlan(name="buyer", type="string"), EntityKeyPlan(name="shop", type="int64")),
    features=(AggregatePlan(name="n", function="count", column="price"),),
    ttl_us=0,
    hash="fedcba9876543210",
)
BASKET = RequestFeaturePlan(
    name="basket_ratio",
    view="at_request",
    parameters=(
        ParameterPlan(name="basket", view=None, type="float64"),
        ParameterPlan(name="mean_day", view="spend", type="float64"),
    ),
)


def basket_ratio(basket: float, mean_day: float | None) -> float | None:
    """Request-time feature of the domain."""
    return None if mean_day is None or mean_day == 0 else basket / mean_day


SPEND_REFS = tuple(FeatureRef(view="spend", feature=name, kind="stream") for name in SPEND.feature_names)
RATIO_REF = FeatureRef(view="at_request", feature="basket_ratio", kind="request")
PLAN = Plan(
    project="shop",
    sources=(SALES,),
    views=(SPEND, PAIRS),
    request_features=(BASKET,),
    services=(
        ServicePlan(name="buyers", features=(*SPEND_REFS, RATIO_REF)),
        ServicePlan(
            name="buyers_in_shops",
            features=(*SPEND_REFS[:2], FeatureRef(view="pairs", feature="n", kind="stream")),
        ),
    ),
    transforms_sha256="0" * 64,
)
DECLARATIONS = Declarations(PLAN, datetime(2026, 1, 1, tzinfo=UTC), {"basket_ratio": basket_ratio})


class FrozenClock:
    """A clock that stands still until told."""

    def __init__(self, at_us: int = NOON_US) -> None:
        self.at_us = at_us

    def now_us(self) -> int:
        return self.at_us


class ListedRecords:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[ScoreRecord] = []

    def send(self, scores: Sequence[Scored]) -> None:
        self.records += [msgspec.json.decode(encode_record(scored), type=ScoreRecord) for scored in scores]


async def certify(store: Store, *, serving: bool = True, birth: str = BIRTH, plan: Plan = PLAN) -> None:
    """Write a birth for each view."""
    for view in plan.views:
        await store.write_birth(Birth(view=view.name, view_hash=view.hash, id=birth, cut={}, serving=serving))


async def put_events(
    store: Store, view: ViewPlan, key: Sequence[KeyValue], events: Sequence[tuple[int, float | None]], plan: Plan = PLAN
) -> None:
    """Write the state of one entity: events of (time, price) at offsets 0, 1, ….

    Numbers are quantised as the declaration says.
    """
    kernel = open_kernel(view, plan.source(view.topic))
    state = kernel.new_state()
    for offset, (at_us, price) in enumerate(events):
        row = ("", at_us, None if price is None else round(price * 100))
        assert kernel.apply(state, (LOG, 0), offset, at_us, row)
    write = StateWrite(entity_key(plan.project, view.keys, key), b"", kernel.encode(state), ())
    assert await store.write_states(view.name, BIRTH, [write]) == [None]


def linear_model(weights: np.ndarray, biases: np.ndarray) -> onnx.ModelProto:
    """Raw scores = weights · features + biases, ``weights`` being ``[outputs, features]``; NaN counts as 0."""
    n_outputs, n_features = weights.shape
    nodes = [
        helper.make_node("IsNaN", [MODEL_INPUT], ["missing"]),
        helper.make_node("Where", ["missing", "zero", MODEL_INPUT], ["filled"]),
        helper.make_node("Gemm", ["filled", "weights", "biases"], [MODEL_OUTPUT]),
    ]
    constants = {"zero": np.zeros(1), "weights": np.ascontiguousarray(weights.T), "biases": biases}
    graph = helper.make_graph(
        nodes,
        "linear",
        [helper.make_tensor_value_info(MODEL_INPUT, TensorProto.DOUBLE, [None, n_features])],
        [helper.make_tensor_value_info(MODEL_OUTPUT, TensorProto.DOUBLE, [None, n_outputs])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


POLICY_SPEC = ModelSpec(
    service="buyers",
    horizon="1d",
    baseline_feature="spend:n_day",
    decision=DecisionSpec(positive="buys", negative="leaves"),
    approval="policy",
)
DOCUMENTATION = {"description": "Who buys.", "limitations": "Made up.", "ethics": "Of nobody."}
BUYS = Head("sigmoid", (), Decision(thresholds=(0.9,), names=("leaves", "buys")))


def write_bundle(
    folder: Path,
    *,
    model: str = "buys",
    service: str = "buyers",
    weights: Sequence[float] | Sequence[Sequence[float]] | None = None,
    bias: float = 0.0,
    task: Task = "binary",
    head: Head = BUYS,
    missing: MissingPolicy = MissingPolicy(),
    plan: Plan = PLAN,
    golden_error: float = 0.0,
    explained: bool = True,
    accuracy: float = 0.9,
) -> Bundle:
    """A bundle of a linear model (default weights exact in binary); ``golden_error`` makes its golden rows wrong.

    ``accuracy`` is what its manifest says of it.

    ``weights`` are one row for each class of the head.
    """
    folder.mkdir(parents=True)
    names = plan.service(service).feature_names
    table = np.array([1.0, 0.25, 0.0, 0.0, 0.0][: len(names)] if weights is None else weights, np.float64, ndmin=2)
    biases = np.full(len(table), bias)
    (folder / MODEL).write_bytes(linear_model(table, biases).SerializeToString())
    rows = np.random.default_rng(1).normal(size=(64, len(names)))
    raws = rows @ table.T + biases if golden_error else run_onnx(folder / MODEL, rows, head.n_outputs)
    write_golden(folder / GOLDEN, names, GoldenRows(rows, raws + golden_error), head.classes)
    ones, zeros = np.ones(len(names)), np.zeros(len(names))
    tables = LinearTables(weights=table, biases=biases, means=ones, fills=zeros)
    write_explanation(folder / EXPLAIN, tables if explained else None)
    pq.write_table(pa.table({MODEL_OUTPUT: raws[:, 0]}), folder / REFERENCE)
    (folder / MODEL_CARD).write_text("\n\n".join(DOCUMENTATION.values()))
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return write_manifest(
        folder,
        Manifest(
            model=model,
            task=task,
            link=head.link,
            classes=head.classes,
            project=plan.project,
            service=service,
            created_at=now,
            plan_hash=plan.hash,
            view_hashes={view.name: view.hash for view in plan.views_of_service(service)},
            transforms_sha256=plan.transforms_sha256,
            features=names,
            missing=missing,
            decision=head.decision,
            window=TrainingWindow(first_at=now, last_at=now, rows=1, positives=1),
            data_fingerprint="none",
            metrics={"accuracy": accuracy},
            gates={},
            documentation=DOCUMENTATION,
            code_version="test",
            files={},
        ),
    )


def run_onnx(path: Path, rows: np.ndarray, n_outputs: int = 1) -> np.ndarray:
    """Raw scores of rows."""
    from grpc_api.session import RawScorer

    return RawScorer(path, rows.shape[1], n_outputs).raw_scores(rows)


def publish(models: Path, version: str, arm: Arm = CHAMPION, **bundle: Any) -> Bundle:
    """Write a bundle and point at it, as model sync does."""
    model = bundle.get("model", "buys")
    written = write_bundle(models / model / version, **bundle)
    point_at(models, model, version, written.digest, arm)
    return written


def point_at(models: Path, model: str, version: str, digest: str, arm: Arm = CHAMPION) -> None:
    """Write the pointer of one arm of a model."""
    write_pointer(pointer_file(models, model, arm), Pointer(model=model, version=version, path=version, digest=digest))


def route(models: Path, routing: Routing, model: str = "buys") -> None:
    """Share out the requests for a model."""
    write_routing(routing_file(models, model), routing)


class Shop:
    """A running scorer and all around it."""

    def __init__(self, models: Path, store: MemoryStore | None = None, **overrides: Any) -> None:
        self.models = models
        self.store = store or MemoryStore()
        self.clock = FrozenClock()
        self.records = ListedRecords()
        self.metrics = ScorerMetrics()
        arguments: dict[str, Any] = {
            "settings": ScorerSettings(port=0, rest_port=0, max_batch_rows=1_000),
            "declared": (DECLARATIONS,),
            "models_folder": models,
            "open_reader": self.open_reader,
            "records": self.records,
            "metrics": self.metrics,
            "clock": self.clock,
        }
        self.scorer = RunningScorer(**(arguments | overrides))

    def open_reader(self) -> StoreReader:
        return MemoryStore(self.store.shards)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.scorer.port}"

    @property
    def rest_address(self) -> str:
        return f"127.0.0.1:{self.scorer.rest_port}"

    def sample(self, name: str, **labels: str) -> float:
        """Value of a metric; 0 where it was never touched."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def open_shop(models: Path, **overrides: Any) -> Iterator[tuple[Shop, Client]]:
    """Start a scorer on a stocked store; stop it afterwards."""
    shop = Shop(models, **overrides)
    stock(shop.store)
    shop.scorer.start()
    try:
        with Client(shop.address) as client:
            yield shop, client
    finally:
        shop.scorer.stop(drain_s=1.0)


def stock(store: Store) -> None:
    """Certified views, and two buyers: ann with sales at noon and before, bob with one long ago."""

    async def fill() -> None:
        await store.connect()
        await certify(store)
        await put_events(store, SPEND, ["ann"], [(NOON_US - 2 * HOUR_US, 10.0), (NOON_US - HOUR_US, 20.0)])
        await put_events(store, SPEND, ["bob"], [(NOON_US - 100 * DAY_US, 5.0)])
        await put_events(store, PAIRS, ["ann", 7], [(NOON_US - HOUR_US, 20.0)])
        await store.close()

    asyncio.run(fill())
