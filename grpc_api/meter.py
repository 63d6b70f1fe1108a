"""Counting beside the request: what happened is put in a queue, and a thread tells the metrics.

Six counters and histograms take 5 µs in a loop but 20 where caches are cold, which is where a request is. The thread
takes the interpreter from requests too, so it adds up what came since its last look, and tells each metric once.
"""

from __future__ import annotations

from array import array
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from features.batch_histogram import BatchHistogram, Key
from grpc_api.call_trace import CallTrace
from grpc_api.laps import Laps
from grpc_api.metrics import ScorerMetrics
from grpc_api.refusals import Doubt, Shedding
from grpc_api.rounds import Rounds
from grpc_api.scoring import Scored
from grpc_api.served_model import ServedModel
from grpc_api.status import Code

TICK_S: Final = 0.05
NOBODY: Final = ("", "", "")
"""Was to answer a row that cannot be read."""
_MICROSECOND: Final = 1e-6
_NANOSECOND: Final = 1e-9


class Answered(NamedTuple):
    """One call that was answered; ``seconds`` from its bytes to the response's."""

    method: str
    code: Code
    seconds: float


class RowFailed(NamedTuple):
    """One row that has no score, and the name, version and arm of who was to answer it."""

    code: Code
    who: tuple[str, str, str]


class Shed(NamedTuple):
    """One call, or stream, for which there was no room."""

    why: Shedding


class Doubted(NamedTuple):
    """One call of which it was not known who made it, or not any more."""

    why: Doubt


class Shadowed(NamedTuple):
    """What came of one request that a shadow was to score: ``scored``, ``dropped`` or ``failed``."""

    model: str
    outcome: str


class Told(NamedTuple):
    """What there is to count of a model's scores: by decision; by notes; and how old their features were.

    Taken at once, while the scores are at hand: kept for the thread, each row of a batch cost that five times as much.
    """

    who: tuple[str, str, str]
    """Its name, version and arm."""
    took_ns: int
    """For all of them; 0 where nothing was computed, or came of it."""
    decisions: Sequence[str]
    notes: Sequence[str]
    ages_us: array[int]


def told(model: ServedModel, scores: Sequence[Scored], laps: Laps) -> Told:
    """What some scores of a model tell, and how long they took."""
    return Told(
        model.who,
        laps.arm_ns if scores else 0,
        [one.prediction.decision for one in scores],
        [note.reason for one in scores if one.vector.notes for note in one.vector.notes],
        array(
            "q",
            [
                one.as_of_us - one.finished.newest_us
                for one in scores
                if one.finished is not None and one.finished.newest_us is not None
            ],
        ),
    )


Note: TypeAlias = Answered | RowFailed | Shed | Doubted | Shadowed | Told | Laps | CallTrace


class Meter:
    """Takes notes of what happened; its thread counts them.

    Parameters
    ----------
    metrics
        Where it counts.
    on_trace
        Told, in the thread, of calls whose traces are recorded.

    """

    def __init__(self, metrics: ScorerMetrics, on_trace: Callable[[CallTrace], None] = lambda _: None) -> None:
        self._metrics = metrics
        self._on_trace = on_trace
        self._waiting: deque[Note] = deque()
        self.note = self._waiting.append
        self._rounds = Rounds(self._count_waiting, name="meter", wait_s=lambda: TICK_S)

    def start(self) -> None:
        """Begin to count."""
        self._rounds.start()

    def stop(self) -> None:
        """Count what is noted, and end."""
        self._rounds.stop()
        self._count_waiting()

    def _count_waiting(self) -> None:
        waiting, tally = self._waiting, Tally()
        for _ in range(len(waiting)):  # what comes meanwhile is for the next look
            what = waiting.popleft()
            if isinstance(what, CallTrace):
                self._on_trace(what)
            else:
                tally.add(what)
        tally.tell(self._metrics)


class Tally:
    """What happened since the last look, added up."""

    def __init__(self) -> None:
        self._requests: Counter[tuple[str, str]] = Counter()
        self._row_errors: Counter[tuple[str, str, str, str]] = Counter()
        self._shed: Counter[Shedding] = Counter()
        self._doubted: Counter[Doubt] = Counter()
        self._scores: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self._notes: Counter[str] = Counter()
        self._shadows: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[Key, list[float]] = defaultdict(list)
        self._arm_ns: defaultdict[Key, list[float]] = defaultdict(list)
        self._stage_ns: defaultdict[Key, list[float]] = defaultdict(list)
        self._ages_us = array("q")

    def add(self, what: Answered | RowFailed | Shed | Doubted | Shadowed | Told | Laps) -> None:
        """One more."""
        if isinstance(what, Told):
            self._scores[what.who].update(what.decisions)
            if what.took_ns:
                name, _, arm = what.who
                self._arm_ns[name, arm].append(what.took_ns)
            self._notes.update(what.notes)
            self._ages_us += what.ages_us
        elif isinstance(what, Answered):
            self._requests[what.method, what.code.name] += 1
            self._seconds[what.method,].append(what.seconds)
        elif isinstance(what, Laps):
            for stage, began_ns, ended_ns in what.stages():
                self._stage_ns[what.method, stage].append(ended_ns - began_ns)
        elif isinstance(what, Shed):
            self._shed[what.why] += 1
        elif isinstance(what, Doubted):
            self._doubted[what.why] += 1
        elif isinstance(what, Shadowed):
            self._shadows[what.model, what.outcome] += 1
        else:
            self._row_errors[*what.who, what.code.name] += 1

    def tell(self, metrics: ScorerMetrics) -> None:
        """Each metric once."""
        for (method, code), n in self._requests.items():
            metrics.requests.labels(method, code).inc(n)
        for failed, n in self._row_errors.items():
            metrics.row_errors.labels(*failed).inc(n)
        for shedding, n in self._shed.items():
            metrics.shed.labels(shedding).inc(n)
        for doubt, n in self._doubted.items():
            metrics.unauthenticated.labels(doubt).inc(n)
        for who, decisions in self._scores.items():
            for decision, n in decisions.items():
                metrics.scores.labels(*who, decision).inc(n)
        for (model, outcome), n in self._shadows.items():
            metrics.shadows.labels(model, outcome).inc(n)
        for reason, n in self._notes.items():
            metrics.notes.labels(reason).inc(n)
        _observe(metrics.seconds, self._seconds, 1.0)
        _observe(metrics.arm_seconds, self._arm_ns, _NANOSECOND)
        _observe(metrics.stage_seconds, self._stage_ns, _NANOSECOND)
        if self._ages_us:
            _observe(metrics.feature_age, {(): self._ages_us}, _MICROSECOND)


def _observe(histogram: BatchHistogram, values: Mapping[Key, Sequence[float]], unit: float) -> None:
    for key, each in values.items():
        histogram.observe(key, np.array(each, np.float64) * unit)
