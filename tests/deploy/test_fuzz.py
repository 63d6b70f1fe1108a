"""Fuzzing: a scorer takes all of it, and one that stumbles is found."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import grpc
import msgspec
import pytest
from google.protobuf.message import DecodeError

from deploy.fuzz.case import Cases
from deploy.fuzz.garbage import Garbage
from deploy.fuzz.run import LEAKS, FuzzReport, fuzz
from deploy.fuzz.seeds import SCORING, seeds_of
from deploy.fuzz.surface import targets_of
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.served_model import Declarations
from tests.grpc_api.shop import DECLARATIONS, Shop, open_shop, publish
from tests.waiting import wait_until

WORDS = (b"buyer", b"ann", b"buys", b"buyers", b"basket", b"spend")
SEEDS = seeds_of("buyer", "ann", "buys")
BUSY = frozenset({grpc.StatusCode.RESOURCE_EXHAUSTED})


def fuzzed(shop: Shop, n: int, seed: int) -> FuzzReport:
    return asyncio.run(fuzz(shop.address, n, seed=seed, seeds=SEEDS, words=WORDS, retried=BUSY))


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
        report = fuzzed(shop, 2_000, seed=5)
        assert report.passed, msgspec.json.encode(report)[:3_000]
        assert n_internal(shop) == 0
    assert report.requests == 2_000
    assert report.codes["OK"] > 100
    assert {"INVALID_ARGUMENT", "NOT_FOUND"} <= report.codes.keys()


def test_a_scorer_that_stumbles_is_found(tmp_path: Path) -> None:
    """Here over request fields, which a fuzzed request may have where the good ones have none."""
    publish(tmp_path, "1")
    broken = Declarations(DECLARATIONS.plan, DECLARATIONS.applied_at, {"basket_ratio": lambda basket, mean: basket / 0})
    with open_shop(tmp_path, declared=(broken,)) as (shop, _):
        seed = pb.ScoreRequest(entity={"buyer": pb.Value(text="ann")}, request={"basket": pb.Value(number=1.0)})
        seeds = {**SEEDS, f"{SCORING}/Score": [seed.SerializeToString()]}
        report = asyncio.run(fuzz(shop.address, 1_000, seed=1, seeds=seeds, words=WORDS))
        assert report.internal_errors > 0
        assert not report.passed
        assert any(example["code"] == "INTERNAL" for example in report.examples)
        wait_until(lambda: n_internal(shop) > 0)


def test_every_method_is_found_by_reflection(tmp_path: Path) -> None:
    """So that one that is added is fuzzed too; and calls go to all of them, the same ones for the same seed."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, _):
        targets = targets_of(shop.address)
    paths = {target.path for target in targets}
    assert SEEDS.keys() & paths >= {f"{SCORING}/Score", f"{SCORING}/ScoreBatch", "/grpc.health.v1.Health/Watch"}
    one, other = (Cases(targets, SEEDS, WORDS, random.Random(3)) for _ in range(2))
    cases = [one.case() for _ in range(300)]
    assert cases == [other.case() for _ in range(300)]
    assert {case.target.path for case in cases} == paths


def test_garbage_is_of_every_kind() -> None:
    """Some of it is a message, some of it none; some is deep, and some huge."""
    garbage, parsed = Garbage(random.Random(1), WORDS), []
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
