"""The overload bench measures what it says; whether its aims are reached is for a quiet machine to say."""

from __future__ import annotations

import math
from pathlib import Path

import grpc
import numpy as np
import pytest

from deploy.bench_overload import BAR, DEADLINE_S, Figures, bench_overload
from deploy.overload_bench.heavy_model import make_heavy
from deploy.overload_bench.load import Answered
from grpc_api.pointer import pointer_file, read_pointer
from grpc_api.session import RawScorer
from tests.grpc_api.shop import publish

OK, SHED = grpc.StatusCode.OK, grpc.StatusCode.RESOURCE_EXHAUSTED


def calls(n: int, took_s: float, code: grpc.StatusCode = OK, begin_s: float = 0.0) -> list[Answered]:
    return [Answered(begin_s + i * 0.01, took_s, code) for i in range(n)]


def test_what_was_in_time_counts() -> None:
    """Late answers are no answers; refusals have a latency of their own; ratios are to what was found at capacity."""
    late, gone = calls(7, 2 * DEADLINE_S), calls(3, DEADLINE_S, grpc.StatusCode.DEADLINE_EXCEEDED)
    overload = [*calls(160, 0.2), *calls(800, 0.004, SHED), *late, *gone]
    figures = Figures(100.0, calls(200, 0.1), overload, calls(100, 0.02, begin_s=9.0), seconds=2.0)
    assert figures.goodput_ratio == 0.8
    assert figures.served_p99_ratio == pytest.approx(2.0)
    assert (figures.capacity_p99_ms, figures.shed_p99_ms) == pytest.approx((100.0, 4.0))
    assert figures.recovery_s == 0.0
    assert figures.passed
    assert figures.codes == {"RESOURCE_EXHAUSTED": 800, "OK": 167, "DEADLINE_EXCEEDED": 3}


def test_it_has_recovered_after_the_last_call_that_was_not_as_usual() -> None:
    """Refused, or twice as slow as at capacity."""
    after = calls(300, 0.02, begin_s=50.0)
    for at, took_s, code in ((40, 0.001, SHED), (250, 0.3, OK)):
        after[at] = Answered(after[at].due_s, took_s, code)
        figures = Figures(100.0, calls(200, 0.1), calls(200, 0.1), after, seconds=2.0)
        assert figures.recovery_s == pytest.approx(at * 0.01)
    assert not figures.passed


def test_nothing_served_is_no_pass() -> None:
    """Whatever the other figures are."""
    figures = Figures(100.0, calls(200, 0.1), calls(1_000, 0.001, SHED), calls(9, 0.1), seconds=2.0)
    assert figures.goodput_ratio == 0.0
    assert math.isinf(figures.served_p99_ms)
    assert not figures.passed


def test_a_heavy_model_gives_the_same_scores(tmp_path: Path) -> None:
    """It only takes its time; the bundle is whole, and its pointer follows."""
    before = publish(tmp_path / "models", "1")
    rows = np.random.default_rng(3).normal(size=(5, len(before.manifest.features)))
    rows[1, 2] = math.nan
    light = RawScorer(before.file("model.onnx"), rows.shape[1]).raw_scores(rows).tolist()
    took_s = make_heavy(tmp_path, "buys", 0.004)
    pointer = read_pointer(pointer_file(tmp_path / "models", "buys"))
    assert pointer is not None
    assert pointer.digest != before.digest
    assert RawScorer(before.file("model.onnx"), rows.shape[1]).raw_scores(rows).tolist() == light
    assert took_s > 0.0005


@pytest.mark.faults
@pytest.mark.servers
@pytest.mark.slow
def test_a_short_run_gives_every_figure() -> None:
    """With servers, data and a model of its own, which it stops and removes."""
    figures = bench_overload(seconds=2.0)

    assert figures["goodput_ratio"] > 0
    assert figures["codes"]["RESOURCE_EXHAUSTED"] > figures["codes"]["OK"] > 0
    assert figures["offered_per_s"] == pytest.approx(10 * figures["capacity_per_s"], rel=0.01)
    assert {*BAR, "goodput_ratio", "passed"} <= figures.keys()
