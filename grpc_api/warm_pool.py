"""Worker threads, the last to become idle first: its caches and its store connection are still warm."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from queue import SimpleQueue
from typing import Any, Final

Task = Callable[[], object]
_STOP: Final = None


class WarmPool(Executor):
    """A fixed number of threads; `ThreadPoolExecutor` would wake the one that has been idle longest."""

    def __init__(self, threads: int, *, name: str) -> None:
        self._lock = threading.Lock()
        self._idle: list[SimpleQueue[Task | None]] = []
        self._backlog: deque[Task] = deque()
        self._stopped = False
        self._threads = [
            threading.Thread(target=self._work, args=(SimpleQueue(),), name=f"{name}-{i}", daemon=True)
            for i in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run a call in the thread that worked last and is idle, else as soon as one is."""
        future: Future[Any] = Future()
        self.put(lambda: fulfil(future, lambda: fn(*args, **kwargs)))
        return future

    def put(self, task: Task) -> None:
        """As `submit`, for a task that raises nothing and whose end nobody awaits."""
        with self._lock:
            if self._stopped:
                raise RuntimeError("the pool was shut down")
            if not self._idle:
                self._backlog.append(task)
                return
            inbox = self._idle.pop()
        inbox.put(task)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let what was submitted end (or not begin), then end the threads."""
        with self._lock:
            self._stopped = True
            if cancel_futures:
                self._backlog.clear()
            for inbox in self._idle:
                inbox.put(_STOP)
        if wait:
            for thread in self._threads:
                thread.join()

    def _work(self, inbox: SimpleQueue[Task | None]) -> None:
        while True:
            with self._lock:
                task = self._backlog.popleft() if self._backlog else None
                if task is None:
                    if self._stopped:
                        return
                    self._idle.append(inbox)
            if task is None:
                task = inbox.get()
                if task is _STOP:
                    return
            task()


def fulfil(future: Future[Any], call: Task) -> None:
    """Set a future from what a call gives or raises."""
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
