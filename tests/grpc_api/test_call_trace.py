"""Traces of calls, the events that they join, and stages and names of calls in metrics and log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import structlog

from features.settings import TracingSettings
from features.tracing import HEADER, Tracer, new_trace, open_tracer, trace_of_position
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api._generated.millstream.scoring.v1.scoring_pb2_grpc import ScoringStub
from grpc_api.call import Call
from grpc_api.core import SERVICE
from grpc_api.gate import CallFailedError, Gate
from grpc_api.meter import Meter
from grpc_api.methods import UnaryMethod
from grpc_api.metrics import ScorerMetrics
from streams.batch import to_batch
from streams.batch_traces import BatchTraces
from tests.collector import Collector
from tests.grpc_api.shop import LOG, open_shop, publish
from tests.streams.shop import Record

ANN = {"buyer": pb.Value(text="ann")}
AT_MS = 1_000
NEWEST = 1
"""Offset of ann's newest sale."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


def tracer_of(collector: Collector, service: str, *, sample: float = 0.0) -> Tracer:
    """A tracer that begins no traces of its own, unless it is told to."""
    tracer = open_tracer(TracingSettings(endpoint=collector.url, sample=sample), service)
    assert tracer is not None
    return tracer


def ask(address: str, metadata: list[tuple[str, str]], rows: int) -> None:
    """A score where there is one row, else a batch."""
    with grpc.insecure_channel(address) as channel:
        stub = ScoringStub(channel)  # type: ignore[no-untyped-call]  # generated
        if rows == 1:
            stub.Score(pb.ScoreRequest(entity=ANN, request_id="mine"), metadata=metadata, timeout=10)
        else:
            stub.ScoreBatch(pb.ScoreBatchRequest(rows=[pb.BatchRow(entity=ANN)] * rows), metadata=metadata, timeout=10)


def test_a_score_joins_the_trace_of_its_caller_with_those_of_its_events(collector: Collector, tmp_path: Path) -> None:
    """From a producer's span to the worker's, from there by the event's position to the score that is made of it."""
    producer, caller = new_trace(), new_trace()
    worker_tracer = tracer_of(collector, "worker")
    records = [Record(NEWEST - 1, AT_MS, b""), Record(NEWEST, AT_MS, b"", headers=((HEADER, str(producer).encode()),))]
    batch = to_batch(records, topic="sales", log=LOG, partition=0)
    BatchTraces(worker_tracer).confirmed(batch, 1_000, 2_000)
    worker_tracer.close()
    scorer_tracer = tracer_of(collector, "scorer")
    publish(tmp_path, "1")
    with open_shop(tmp_path, tracer=scorer_tracer) as (shop, _):
        ask(shop.address, [(HEADER, str(caller))], rows=1)
        ask(shop.address, [], rows=1)
        ask(shop.address, [(HEADER, str(caller._replace(sampled=False)))], rows=1)
    scorer_tracer.close()

    spans = {span.name: span for span in collector.spans}
    whole, applied, event = (spans[f"{what} sales"] for what in ("process", "apply", "event"))
    assert (whole.links, whole.attributes["messaging.batch.message_count"]) == ([producer], 2)
    assert (applied.at.trace_id, applied.parent, applied.links) == (producer.trace_id, producer.span_id, [whole.at])
    assert (event.at, event.links) == (trace_of_position(LOG, 0, NEWEST), [applied.at])
    score = spans[f"{SERVICE}/Score"]
    assert (score.at.trace_id, score.parent, score.kind) == (caller.trace_id, caller.span_id, "SPAN_KIND_SERVER")
    assert event.at in score.links
    assert score.attributes["millstream.request_id"] == "mine"
    assert score.attributes["rpc.grpc.status_code"] == 0
    stages = [spans[name] for name in ("fetch", "finish", "model")]
    assert {stage.parent for stage in stages} == {score.at.span_id}
    assert [stage.ended_ns for stage in stages[:2]] == [stage.began_ns for stage in stages[1:]]
    assert score.began_ns <= stages[0].began_ns
    assert stages[2].ended_ns <= score.ended_ns
    assert len(collector.spans) == 3 + 4  # nothing of the calls whose callers did not trace them


def test_a_sample_of_calls_without_a_trace_begins_one(collector: Collector, tmp_path: Path) -> None:
    """A batch too, with its rows counted; health is asked by machines all the time and is never traced."""
    tracer = tracer_of(collector, "scorer", sample=1.0)
    publish(tmp_path, "1")
    with open_shop(tmp_path, tracer=tracer) as (shop, _):
        ask(shop.address, [], rows=3)
    tracer.close()
    whole = [span for span in collector.spans if span.parent is None]
    assert [(span.name, span.attributes["millstream.rows"]) for span in whole] == [(f"{SERVICE}/ScoreBatch", 3)]


def test_stages_are_counted_of_single_calls_and_of_batches(tmp_path: Path) -> None:
    """Each once a call, in a histogram that tells microseconds apart; with the age of the newest feature."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, _):
        ask(shop.address, [], rows=1)
        ask(shop.address, [], rows=2)
    for method in ("Score", "ScoreBatch"):
        assert shop.sample("millstream_scorer_request_seconds_count", method=method) == 1
        seconds = shop.sample("millstream_scorer_request_seconds_sum", method=method)
        stages = [
            shop.sample(f"millstream_scorer_stage_seconds_{what}", method=method, stage=stage)
            for stage in ("fetch", "finish", "model")
            for what in ("count", "sum")
        ]
        assert stages[::2] == [1, 1, 1]
        assert 0 < sum(stages[1::2]) < seconds
    assert shop.sample("millstream_scorer_stage_seconds_bucket", method="Score", stage="model", le="5e-06") in {0, 1}
    assert shop.sample("millstream_scorer_feature_age_seconds_count") == 3
    assert shop.sample("millstream_scorer_feature_age_seconds_sum") == 3 * 3_600


async def test_the_log_names_a_call_that_fails_by_our_fault() -> None:
    """By request, trace, caller and peer, as far as they are known; the caller learns nothing of the cause."""

    async def broken(_data: bytes, call: Call) -> bytes:
        call.request_id = "r-1"
        raise ZeroDivisionError

    parent = new_trace()
    call = Call(metadata={HEADER: str(parent)}, peer="ipv4:127.0.0.1:1")
    call.client = "shop"
    with structlog.testing.capture_logs() as logged, pytest.raises(CallFailedError):
        await Gate(Meter(ScorerMetrics())).unary(UnaryMethod("/s/Broken", "score", broken), b"", call)
    (line,) = logged
    assert (line["event"], line["method"], line["request_id"]) == ("call_failed", "Broken", "r-1")
    assert (line["trace_id"], line["client"], line["peer"]) == (f"{parent.trace_id:032x}", "shop", "ipv4:127.0.0.1:1")
    assert Call(metadata={HEADER: "nonsense"}).names() == {}


def test_a_batch_without_traced_events_tells_nothing() -> None:
    """Nor does one whose header is none, or is not sampled."""
    unsampled = new_trace()._replace(sampled=False)
    records = [
        Record(0, AT_MS, b""),
        Record(1, AT_MS, b"", headers=((HEADER, str(unsampled).encode()),)),
        Record(2, AT_MS, b"", headers=((HEADER, b"nonsense-01"), ("other", b"1"))),
    ]
    batch = to_batch(records, topic="sales", log=LOG, partition=0)
    assert batch.traced == {2: "nonsense-01"}
    with Collector() as collector:
        tracer = tracer_of(collector, "worker")
        BatchTraces(tracer).confirmed(batch, 1, 2)
        tracer.close()
    assert collector.spans == []
