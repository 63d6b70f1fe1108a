"""Several scorer processes on one port: a parent that holds the port, starts them, keeps them up and ends them.

The parent serves nothing and loads nothing. Each child listens on a socket of its own that shares the port, so one that
dies leaves no callers waiting: the kernel gives its share to the others until it is started again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from types import FrameType
from typing import Final

import structlog

from features.errors import MillstreamError, NotServingError, SettingsError
from features.settings import ScorerSettings
from grpc_api.http2.listener import METRICS_PORT, PORT, REST_PORT, claim_port, port_of

logger: Final = structlog.get_logger(__name__)

TICK_S: Final = 0.05
START_S: Final = 60.0
STOP_S: Final = 18.0
"""More than draining and the last records take, less than the stack waits."""

FIRST_DELAY_S: Final = 0.5
LONGEST_DELAY_S: Final = 30.0
STEADY_S: Final = 60.0
METRICS_PORT_STEP: Final = 100
"""The ports next to each other are those of worker, scorer and monitor."""
LAST_PORT: Final = 65_535
READY: Final = b"ready"
LONGEST_WORD: Final = 4_096


@dataclass(frozen=True)
class ChildSide:
    """What a child holds of its parent: ``parent`` is a pipe that ends when the parent does.

    ``turn`` is its own part of whatever all children do by turns, as a fraction.
    """

    parent: int
    word: int
    turn: float

    def say_ready(self) -> None:
        """It answers now."""
        os.write(self.word, READY)


Serve = Callable[[ScorerSettings, ChildSide], None]


class ScorerProcess:
    """One child, as its parent sees it. Times are those of the monotonic clock.

    Attributes
    ----------
    pid
        Its process; 0 while there is none.
    is_ready
        Whether it has said that it answers.
    problem
        Why it ended last, or never answered; nothing while it answers.

    """

    def __init__(self, index: int, settings: ScorerSettings, serve: Serve) -> None:
        metrics_port = settings.metrics_port and settings.metrics_port + METRICS_PORT_STEP * index
        self.index = index
        self._turn = index / settings.processes
        self.pid = 0
        self.is_ready = False
        self.problem = ""
        self._settings = settings.model_copy(update={"metrics_port": metrics_port})
        self._serve = serve
        self._word = -1
        self._started_s = 0.0
        self._delay_s = FIRST_DELAY_S
        self._due_s = 0.0

    def start(self, alive: tuple[int, int]) -> None:
        """Begin it; ``alive`` is the pipe that tells it of our end."""
        self._started_s = time.monotonic()
        self.is_ready, self.problem = False, ""
        mine, its = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(mine)
            os.close(alive[1])
            self._be(ChildSide(alive[0], its, self._turn))
        os.close(its)
        os.set_blocking(mine, False)
        self._word = mine

    def look(self) -> bool:
        """See what it says and whether it lives; True in the moment in which it is seen to have died."""
        if not self.pid:
            return False
        self._listen()
        gone, status = os.waitpid(self.pid, os.WNOHANG)
        if not gone:
            return False
        self._listen()
        os.close(self._word)
        now_s = time.monotonic()
        if now_s - self._started_s > STEADY_S:
            self._delay_s = FIRST_DELAY_S
        self._due_s, self._delay_s = now_s + self._delay_s, min(2 * self._delay_s, LONGEST_DELAY_S)
        self.pid, self.is_ready = 0, False
        self.problem = self.problem or f"ended with {os.waitstatus_to_exitcode(status)}"
        return True

    def is_due(self) -> bool:
        """Whether it is dead, and has been for long enough to be started again."""
        return not self.pid and time.monotonic() >= self._due_s

    def is_stuck(self, start_s: float) -> bool:
        """Whether it has been starting for longer than that."""
        return bool(self.pid) and not self.is_ready and time.monotonic() - self._started_s > start_s

    def give_up(self, start_s: float) -> None:
        """End it at once, for it does not come up."""
        self.problem = f"did not answer within {start_s:.0f} s"
        self.send(signal.SIGKILL)

    def send(self, number: signal.Signals) -> None:
        """Signal it, if it lives."""
        if self.pid:
            os.kill(self.pid, number)

    def _listen(self) -> None:
        try:
            word = os.read(self._word, LONGEST_WORD)
        except BlockingIOError:
            return
        if word == READY:
            self.is_ready, self.problem = True, ""
        elif word:
            self.problem = word.decode(errors="replace")

    def _be(self, side: ChildSide) -> None:
        """Be the child; this does not return."""
        code = 1
        try:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, signal.SIG_DFL)
            self._serve(self._settings, side)
            code = 0
        except MillstreamError as error:
            os.write(side.word, str(error).encode()[:LONGEST_WORD])
        except BaseException as error:
            logger.exception("scorer_process_failed", index=self.index)
            os.write(side.word, f"failed ({type(error).__name__}); its log has the detail".encode())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def run_processes(settings: ScorerSettings, serve: Serve, *, start_s: float = START_S) -> None:
    """Keep processes up until SIGTERM or SIGINT; each has ``start_s`` to come up, whenever it is started.

    Raises
    ------
    SettingsError
        The port is taken, or cannot be shared here.
    NotServingError
        One of them did not come up at the start.

    """
    if sys.platform != "linux":  # elsewhere a port is not shared evenly, nor claimed as `claim_port` does it
        raise SettingsError("MILLSTREAM_SCORER__PROCESSES", "this system cannot share a port", "set it to 1")
    if settings.metrics_port + METRICS_PORT_STEP * (settings.processes - 1) > LAST_PORT:
        raise SettingsError(METRICS_PORT, "leaves none for each process", "choose a lower one, or 0")
    stop = threading.Event()

    def request_stop(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, request_stop)
    with ExitStack() as claims:
        shared = claimed(settings, claims)
        children = [ScorerProcess(index, shared, serve) for index in range(settings.processes)]
        alive = os.pipe()
        try:
            for child in children:
                child.start(alive)
            _await_all(children, stop, start_s)
            logger.info("scorers_listen", host=shared.host, port=shared.port, processes=len(children))
            while not stop.wait(TICK_S):
                _tend(children, alive, start_s)
        finally:
            _end_all(children)
            for end in alive:
                os.close(end)


def claimed(settings: ScorerSettings, claims: ExitStack) -> ScorerSettings:
    """Settings with the ports that all share, which are held as long as the claims."""
    ports = {"port": PORT, "rest_port": REST_PORT} if settings.rest else {"port": PORT}
    held = {
        name: claims.enter_context(claim_port(settings.host, getattr(settings, name), setting))
        for name, setting in ports.items()
    }
    return settings.model_copy(update={name: port_of(claim) for name, claim in held.items()})


def _await_all(children: list[ScorerProcess], stop: threading.Event, start_s: float) -> None:
    while not all(child.is_ready for child in children):
        if stop.wait(TICK_S):
            return
        for child in children:
            if child.look():
                raise NotServingError(f"scorer process {child.index}", child.problem)
        if any(child.is_stuck(start_s) for child in children):
            raise NotServingError("scorer processes", f"not all of them answer after {start_s:.0f} s")


def _tend(children: list[ScorerProcess], alive: tuple[int, int], start_s: float) -> None:
    for child in children:
        if child.look():
            logger.error("scorer_process_ended", index=child.index, problem=child.problem)
        elif child.is_stuck(start_s):
            child.give_up(start_s)
        elif child.is_due():
            child.start(alive)
            logger.warning("scorer_process_started_again", index=child.index, pid=child.pid)


def _end_all(children: list[ScorerProcess]) -> None:
    """Let them drain, all at the same time, and kill those that do not end."""
    for child in children:
        child.send(signal.SIGTERM)
    deadline_s = time.monotonic() + STOP_S
    while any(child.pid for child in children):
        if time.monotonic() > deadline_s:
            for child in children:
                child.send(signal.SIGKILL)
        for child in children:
            child.look()
        time.sleep(TICK_S)
