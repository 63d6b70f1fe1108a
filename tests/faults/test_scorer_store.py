"""The store of a scorer killed and restarted under load: its policy holds, and nobody is left waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from deploy.servers import ValkeyServer
from features.redis_store import RedisStore
from features.settings import ScorerSettings
from features.vector import MissingPolicy
from millstream import Client, ScoreResult, ServerUnavailableError
from tests.grpc_api.shop import PLAN, Shop, publish, stock
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.servers]

CALLERS = 8
DEADLINE_S = 10.0
STORE_S = 1.0
Outcome = str  # "fetched", "defaulted", "refused", or what should not be


class Load:
    """Callers who ask one thing after another, when they asked it, and what they were told."""

    def __init__(self, address: str) -> None:
        self.told: list[tuple[float, Outcome]] = []
        self.longest_s = 0.0
        self._ends = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(address,)) for _ in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def next_ones(self, n: int = 5 * CALLERS) -> list[Outcome]:
        """What those are told who ask from now on."""
        now_s = time.monotonic()

        def answers() -> list[Outcome]:
            return [told for asked_s, told in list(self.told) if asked_s >= now_s]

        wait_until(lambda: len(answers()) >= n, 60.0, "the callers to be answered")
        return answers()

    def stop(self) -> None:
        """Let all callers have their last answer."""
        self._ends.set()
        for thread in self._threads:
            thread.join(60.0)
        assert not any(thread.is_alive() for thread in self._threads)

    def _ask(self, address: str) -> None:
        with Client(address, deadline_s=DEADLINE_S) as client:
            while not self._ends.is_set():
                begin_s = time.monotonic()
                self.told.append((begin_s, outcome(lambda: client.score({"buyer": "ann"}))))
                self.longest_s = max(self.longest_s, time.monotonic() - begin_s)


def outcome(ask: Callable[[], ScoreResult]) -> Outcome:
    """What a score was made of."""
    try:
        reasons = {note.reason for note in ask().notes if note.feature.startswith("spend:")}
    except ServerUnavailableError as error:
        return "refused" if "UNAVAILABLE" in str(error) else repr(error)
    except Exception as error:
        return repr(error)
    return {frozenset(): "fetched", frozenset({"store_unavailable"}): "defaulted"}.get(frozenset(reasons), str(reasons))


@contextmanager
def loaded(folder: Path, **settings: Any) -> Iterator[tuple[ValkeyServer, Load]]:
    """A scorer on a store of its own, under load."""
    publish(folder / "models", "1", missing=MissingPolicy(default=0.0))
    with ValkeyServer(folder / "valkey") as store:
        stock(RedisStore(PLAN.project, store.settings))
        where = store.settings.model_copy(update={"timeout_s": STORE_S})
        shop = Shop(
            folder / "models",
            open_reader=lambda: RedisStore(PLAN.project, where),
            settings=ScorerSettings.model_validate({"port": 0, "rest": False, **settings}),
        )
        shop.scorer.start()
        load = Load(shop.address)
        try:
            yield store, load
        finally:
            load.stop()
            shop.scorer.stop(drain_s=5.0)


@pytest.mark.parametrize(("policy", "without"), [("fail", "refused"), ("default", "defaulted")])
def test_a_store_killed_and_restarted_under_load(tmp_path: Path, policy: str, without: Outcome) -> None:
    """Twice. Each answer is made of what the store held, or is what the policy says; then all are as before."""
    with loaded(tmp_path, store_down=policy) as (store, load):
        assert set(load.next_ones()) == {"fetched"}
        for _ in range(2):
            store.kill()
            assert set(load.next_ones()) == {without}
            store.start()
            wait_until(lambda: set(load.next_ones()) == {"fetched"}, 60.0, "the store to be read again")
    assert {told for _, told in load.told} == {"fetched", without}
    assert load.longest_s < DEADLINE_S


def test_a_store_frozen_under_load_holds_up_nobody(tmp_path: Path) -> None:
    """A read has its share of the call's time; the rest of it is enough to answer without the store."""
    with loaded(tmp_path, store_down="default", fetch_share=0.05) as (store, load):
        assert set(load.next_ones()) == {"fetched"}
        store.pause()
        try:
            assert set(load.next_ones()) == {"defaulted"}
        finally:
            store.resume()
        wait_until(lambda: set(load.next_ones()) == {"fetched"}, 60.0, "the store to be read again")
    assert {told for _, told in load.told} == {"fetched", "defaulted"}
    assert load.longest_s < DEADLINE_S
