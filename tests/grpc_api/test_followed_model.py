"""One model of one process, whose loads may fail for reasons of this process alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from structlog.testing import capture_logs

from features.routing import CHAMPION, Arm
from grpc_api.file_intake import RETRY_S
from grpc_api.followed_model import FollowedModel, Loading
from grpc_api.model_set import ModelSet
from grpc_api.pointer import Pointer
from grpc_api.served_model import ServedModel, load_model
from tests.grpc_api.shop import DECLARATIONS, open_shop, point_at, publish
from tests.grpc_api.test_transport import health_of
from tests.waiting import wait_until


class Process:
    """A process that follows a model, and can be out of memory."""

    def __init__(self, models: Path) -> None:
        self.now_s = 0.0
        self.has_memory = True
        self.loads: list[str] = []
        self.refusals: list[str] = []
        loading = Loading(
            load=self.load,
            can_answer=lambda _: True,
            on_refusal=self.refusals.append,
            now_s=lambda: self.now_s,
        )
        self.followed = FollowedModel(models, "buys", loading)

    def load(self, path: Path, pointer: Pointer, arm: Arm) -> ServedModel:
        self.loads.append(pointer.version)
        if not self.has_memory:
            raise MemoryError("no memory for a session")
        return load_model(path, pointer, [DECLARATIONS], arm)

    def look(self) -> ModelSet | None:
        """A look some time after the one before."""
        self.now_s += 0.2
        return self.followed.look()

    def version(self) -> str | None:
        """The champion's, after a look."""
        arms = self.look()
        return None if arms is None else arms.champion.version


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """It serves version 1."""
    publish(tmp_path, "1")
    process = Process(tmp_path)
    assert process.version() == "1"
    return process


@pytest.mark.faults
def test_a_bundle_that_failed_once_is_tried_again(process: Process, tmp_path: Path) -> None:
    """Once a minute, while its siblings serve it; until then the version before goes on, and it is logged once."""
    publish(tmp_path, "2")
    process.has_memory = False
    with capture_logs() as logs:
        for _ in range(10):
            assert process.version() == "1"
        process.now_s += RETRY_S
        assert process.version() == "1"
        assert (process.loads, process.followed.n_refused, process.refusals) == (["1", "2", "2"], 1, ["buys"])
        process.has_memory = True
        assert process.version() == "1"
        process.now_s += RETRY_S
        assert process.version() == "2"
    assert (process.followed.n_refused, process.refusals) == (0, ["buys"])
    assert [log["event"] for log in logs] == ["pointer_refused", "pointer_taken", "arm_serves"]
    assert logs[0]["exc_info"], "what nobody foresaw is logged with its traceback"


def test_a_first_bundle_that_failed_once_is_tried_again(tmp_path: Path) -> None:
    """Nothing serves meanwhile."""
    process = Process(tmp_path)
    publish(tmp_path, "1")
    process.has_memory = False
    assert process.version() is None
    process.has_memory = True
    process.now_s += RETRY_S
    assert process.version() == "1"


def test_other_plans_are_no_reason_to_load_anew_what_serves(process: Process, tmp_path: Path) -> None:
    """What was refused is tried at once."""
    process.followed.look_anew()
    assert (process.version(), process.loads) == ("1", ["1"])
    publish(tmp_path, "2")
    process.has_memory = False
    process.look()
    process.has_memory = True
    process.followed.look_anew()
    arms = process.look()
    assert arms is not None
    assert (arms.champion.version, arms.champion.arm, process.loads) == ("2", CHAMPION, ["1", "2", "2"])


def test_health_and_metrics_say_what_is_refused(tmp_path: Path) -> None:
    """A model of which nothing serves yet is known and does not serve; once it is mended all are told."""
    bundle = publish(tmp_path, "1")
    point_at(tmp_path, "buys", "1", "0" * 64)
    with open_shop(tmp_path) as (shop, _):

        def refusing() -> float | None:
            return shop.metrics.registry.get_sample_value("millstream_scorer_refusing", {"model": "buys"})

        wait_until(lambda: refusing() == 1, what="the refusal to be told")
        assert health_of(shop, "buys") == "NOT_SERVING"
        assert shop.metrics.registry.get_sample_value("millstream_scorer_model_ready", {"model": "buys"}) == 0
        point_at(tmp_path, "buys", "1", bundle.digest)
        wait_until(lambda: refusing() == 0, what="the end of the refusal to be told")
        assert health_of(shop, "buys") == "SERVING"
