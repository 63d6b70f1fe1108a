"""Fuzzing: a scorer takes all of it, and one that stumbles is found."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import grpc
import msgspec
import pytest
from google.protobuf.message import DecodeError

from deploy.fuzz.garbage import Garbage
from deploy.fuzz.grpc_calls import GrpcFuzz
from deploy.fuzz.grpc_case import Cases
from deploy.fuzz.grpc_surface import targets_of
from deploy.fuzz.http_wire import HttpResponse
from deploy.fuzz.json_garbage import JsonGarbage
from deploy.fuzz.report import LEAKS, FuzzReport
from deploy.fuzz.rest_calls import RestFuzz
from deploy.fuzz.rest_case import RestCase, RestCases
from deploy.fuzz.rest_surface import Route, rest_surface_of
from deploy.fuzz.run import REST_SHARE, fuzz
from deploy.fuzz.seeds import SCORING, rest_seeds_of, seeds_of
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.served_model import Declarations
from tests.grpc_api.shop import DECLARATIONS, Shop, open_shop, publish
from tests.waiting import wait_until

WORDS = ("buyer", "ann", "buys", "buyers", "basket", "spend")
RAW_WORDS = tuple(word.encode() for word in WORDS)
SEEDS = seeds_of("buyer", "ann", "buys")
REST_SEEDS = rest_seeds_of("buyer", "ann")
BUSY = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})


def fuzzed(
    shop: Shop,
    n: int,
    seed: int,
    seeds: Mapping[str, Sequence[bytes]] = SEEDS,
    rest_seeds: Mapping[str, Sequence[bytes]] = REST_SEEDS,
) -> FuzzReport:
    calls = GrpcFuzz(shop.address, seeds=seeds, words=RAW_WORDS, retried=BUSY)
    return asyncio.run(fuzz(calls, rest_fuzz(shop, rest_seeds), n, seed=seed))


def rest_fuzz(shop: Shop, seeds: Mapping[str, Sequence[bytes]] = REST_SEEDS) -> RestFuzz:
    return RestFuzz(shop.rest_address, model="buys", seeds=seeds, words=WORDS, retried=frozenset({429}))


def n_internal(shop: Shop) -> float:
    """Calls that the server itself counts as its own failures."""
    samples = [sample for family in shop.metrics.registry.collect() for sample in family.samples]
    return sum(
        sample.value
        for sample in samples
        if sample.name == "millstream_scorer_requests_total" and sample.labels["code"] in {"INTERNAL", "DATA_LOSS"}
    )


@pytest.mark.faults
def test_a_scorer_takes_whatever_is_sent(tmp_path: Path) -> None:
    """No internal error, no word of how it works, good requests answered in between, and healthy at the end."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, _):
        report = fuzzed(shop, 3_000, seed=5)
        assert report.passed, msgspec.json.encode(report)[:3_000]
        assert n_internal(shop) == 0
    assert report.requests == 3_000
    assert report.codes["OK"] > 100
    assert report.codes["HTTP 200"] > 100
    by_http = {"no answer", "HTTP 400", "HTTP 404", "HTTP 405"}
    assert report.codes.keys() >= {"INVALID_ARGUMENT", "NOT_FOUND"} | by_http
    n_rest = sum(n for code, n in report.codes.items() if code.startswith("HTTP") or code == "no answer")
    assert n_rest == report.requests // REST_SHARE


def test_a_scorer_that_stumbles_is_found(tmp_path: Path) -> None:
    """Here over request fields, which a fuzzed request may have where the good ones have none."""
    publish(tmp_path, "1")
    broken = Declarations(DECLARATIONS.plan, DECLARATIONS.applied_at, {"basket_ratio": lambda basket, mean: basket / 0})
    with open_shop(tmp_path, declared=(broken,)) as (shop, _):
        seed = pb.ScoreRequest(entity={"buyer": pb.Value(text="ann")}, request={"basket": pb.Value(number=1.0)})
        seeds = {**SEEDS, f"{SCORING}/Score": [seed.SerializeToString()]}
        rest_seeds = {**REST_SEEDS, "/predict": [b'{"entity": {"buyer": "ann"}, "request": {"basket": 1.0}}']}
        report = fuzzed(shop, 1_500, seed=1, seeds=seeds, rest_seeds=rest_seeds)
        assert report.internal_errors > 0
        assert not report.passed
        assert {"INTERNAL", "HTTP 500"} <= report.codes.keys()
        wait_until(lambda: n_internal(shop) > 0)


def test_every_method_is_found_by_reflection(tmp_path: Path) -> None:
    """So that one that is added is fuzzed too; and calls go to all of them, the same ones for the same seed."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, _):
        targets = targets_of(shop.address)
    paths = {target.path for target in targets}
    assert SEEDS.keys() <= paths
    one, other = (Cases(targets, SEEDS, RAW_WORDS, random.Random(3)) for _ in range(2))
    cases = [one.case() for _ in range(300)]
    assert cases == [other.case() for _ in range(300)]
    assert {case.target.path for case in cases} == paths


def test_every_route_is_found_by_its_description(tmp_path: Path) -> None:
    """As well: with bodies that are answered, and the names that stand in paths; requests go to all of them."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, _):
        surface = rest_surface_of(shop.rest_address, "buys", REST_SEEDS)
        assert asyncio.run(rest_fuzz(shop).is_healthy())
    assert surface.names == {"model_name": "buys", "version": "1"}
    known = {f"{route.verb} {route.path}": len(route.bodies) for route in surface.routes}
    asked = {"POST /predict": 4, "POST /predict_batch": 4, "POST /v2/models/{model_name}/infer": 3}
    assert (
        known.items() >= (asked | {"GET /health": 0, "GET /metrics": 0, "GET /openapi.json": 0, "GET /v2": 0}).items()
    )
    one, other = (RestCases(surface, WORDS, random.Random(3)) for _ in range(2))
    cases = [one.case() for _ in range(1_000)]
    assert cases == [other.case() for _ in range(1_000)]
    assert {case.route for case in cases} == set(surface.routes)
    assert {case.is_whole for case in cases} == {case.is_good for case in cases} == {True, False}


def test_an_answer_by_http_that_shows_a_fault_is_found() -> None:
    """A failure of the server, a refusal in another form, what nobody may read, and a good request that is refused."""
    route = Route("GET", "/health", ())
    good = RestCase(route, b"GET /health", "GET", 1.0, is_whole=True, is_good=True)
    bad = good._replace(is_good=False)
    requests, report = RestFuzz("", model="", seeds={}, words=(), retried=frozenset({429})), FuzzReport(healthy=True)
    for case, answer in (
        (good, HttpResponse(200, {}, b"Traceback")),
        (good, HttpResponse(429, {}, b'{"error":"busy"}')),
        (bad, HttpResponse(400, {}, b'{"error":"wrong"}')),
        (bad, HttpResponse(503, {}, b'{"ready":false}')),
        (bad, None),
    ):
        requests.judge(report, case, answer)
    assert report.passed
    for n, (case, answer) in enumerate(
        (
            (bad, HttpResponse(500, {}, b'{"error":"the server failed"}')),
            (bad, HttpResponse(400, {}, b"wrong")),
            (bad, HttpResponse(400, {}, b'{"error":"File \\"/x/core.py\\""}')),
            (good, HttpResponse(404, {}, b'{"error":"no"}')),
            (good, None),
        ),
        1,
    ):
        requests.judge(report, case, answer)
        assert len(report.examples) == n
    assert (report.internal_errors, report.leaks, report.good_refused) == (2, 1, 2)


def test_json_garbage_is_of_every_kind() -> None:
    """Some of it is JSON, some of it none; some of it is like the example, and some of it deep."""
    garbage, example = JsonGarbage(random.Random(1), WORDS), {"entity": {"buyer": "ann"}, "request_id": "a"}
    changed, parsed = [garbage.like(example) for _ in range(300)], 0
    for one in changed:
        with contextlib.suppress(ValueError):
            json.loads(garbage.written(one))
            parsed += 1
    assert 200 < parsed < 300
    assert example not in changed
    assert any(isinstance(one, dict) and one.get("entity") == example["entity"] for one in changed)
    assert any(len(garbage.deep()) > 100_000 for _ in range(30))


def test_garbage_is_of_every_kind() -> None:
    """Some of it is a message, some of it none; some is deep, and some huge."""
    garbage, parsed = Garbage(random.Random(1), RAW_WORDS), []
    for _ in range(300):
        try:
            parsed.append(pb.ScoreRequest.FromString(garbage.message(pb.ScoreRequest.DESCRIPTOR)))
        except DecodeError:
            parsed.append(None)
    assert 30 < parsed.count(None) < 270
    assert any(message is not None and message.entity for message in parsed)
    assert any(len(garbage.huge(pb.ScoreBatchRequest.DESCRIPTOR)) > 10_000 for _ in range(20))


def test_what_callers_may_not_read_is_known() -> None:
    """A traceback, a file, an object; and not what they are told every day."""
    for text in ('File "/x/core.py", line 3', "<class 'int'>", "at 0x7f8a14787450", "ValueError('x')"):
        assert LEAKS.search(text)
    for text in (
        "entity.buyer: is missing; the join keys are buyer (string)",
        "the server failed; its log has the detail",
    ):
        assert not LEAKS.search(text)
