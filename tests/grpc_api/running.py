"""A scorer on an event loop of its own, for tests that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, TypeVar

from grpc_api.core import Core
from grpc_api.scorer import Scorer
from grpc_api.served_model import Declarations
from grpc_api.server import new_event_loop

T = TypeVar("T")

DEADLINE_S = 60.0


class RunningScorer:
    """`grpc_api.scorer.Scorer` of these arguments, and the thread of its loop."""

    def __init__(self, **arguments: Any) -> None:
        self.inner = Scorer(**arguments)
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="scorer", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.inner.port

    @property
    def rest_port(self) -> int | None:
        """Where its REST gateway listens."""
        return self.inner.rest_port

    @property
    def core(self) -> Core:
        """Its core, to be asked by `run`."""
        return self.inner.core

    def run(self, asked: Coroutine[Any, Any, T]) -> T:
        """What a coroutine gives on the scorer's loop."""
        return asyncio.run_coroutine_threadsafe(asked, self._loop).result(DEADLINE_S)

    def start(self) -> None:
        """Answer from now on."""
        self._thread.start()
        self.run(self.inner.start())

    def declare(self, declared: Sequence[Declarations]) -> None:
        """See `Scorer.declare`."""
        self.run(self.inner.declare(declared))

    def stop(self, drain_s: float = 1.0) -> None:
        """See `Scorer.stop`; the second time nothing is left to do."""
        if self._loop.is_closed():
            return
        self.run(self.inner.stop(drain_s))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
