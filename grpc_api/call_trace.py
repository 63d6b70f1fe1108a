"""What a call that is traced did, gathered while it runs and told once it has ended."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Final

from features.tracing import (
    HEADER,
    MOST_LINKS,
    Attribute,
    Span,
    TraceParent,
    Tracer,
    new_trace,
    parse_traceparent,
    trace_of_position,
)
from grpc_api.finishing import readings
from grpc_api.laps import Laps

if TYPE_CHECKING:
    from grpc_api.scoring import Scored
    from grpc_api.status import Status


MOST_ROUNDS: Final = 128
"""Rounds of rows whose stages a trace shows; the rest of a stream is counted."""


class CallTrace:
    """One call. The gate makes it and ends it; the core adds what it did.

    Attributes
    ----------
    laps, scored
        The stages of each round of scoring, and what came of each row.

    """

    __slots__ = (
        "_began_lap_ns",
        "_began_ns",
        "_ended_ns",
        "_status",
        "at",
        "laps",
        "n_rows",
        "parent",
        "path",
        "scored",
    )

    def __init__(self, path: str, at: TraceParent, parent: TraceParent | None) -> None:
        self.path = path
        self.at = at
        self.parent = parent
        self.laps: list[Laps] = []
        self.scored: list[Scored] = []
        self.n_rows = 0
        self._began_ns, self._began_lap_ns = time.time_ns(), time.perf_counter_ns()
        self._ended_ns = 0
        self._status: Status | None = None

    def add(self, laps: Laps, scored: list[Scored]) -> None:
        """Rows were scored."""
        self.n_rows += len(scored)
        if len(self.laps) < MOST_ROUNDS:  # a stream has no end
            self.laps.append(laps)
            self.scored += scored

    def end(self, status: Status | None) -> None:
        """The call was answered, or failed with this status."""
        self._ended_ns = self._wall(time.perf_counter_ns())
        self._status = status

    def spans(self) -> Iterator[Span]:
        """The call, and each stage of its scoring."""
        service, _, method = self.path[1:].rpartition("/")
        status = self._status
        attributes: dict[str, Attribute] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
            "rpc.grpc.status_code": 0 if status is None else int(status.code),
        }
        if self.scored:
            first = self.scored[0]
            attributes |= {
                "millstream.model": first.model.name,
                "millstream.version": first.model.version,
                "millstream.arm": first.model.arm,
                "millstream.request_id": first.asked.request_id,
                "millstream.rows": self.n_rows,
            }
        yield Span(
            self.path[1:],
            self.at,
            self._began_ns,
            self._ended_ns,
            kind="server",
            parent=self.parent,
            links=list(dict.fromkeys(islice(self._events(), MOST_LINKS))),
            attributes=attributes,
            error=None if status is None else status.code.name,
        )
        for laps in self.laps:
            for stage, began_ns, ended_ns in laps.stages():
                yield Span(stage, self.at.child(), self._wall(began_ns), self._wall(ended_ns), parent=self.at)

    def _events(self) -> Iterator[TraceParent]:
        """Of each state that was read, the last event of each partition: what the score is computed from, no more."""
        for scored in self.scored:
            if scored.finished is None:  # its vector came from the caller
                continue
            for reading in readings(scored.model.inputs, scored.finished, scored.births):
                for position in reading.positions:
                    yield trace_of_position(*position)

    def _wall(self, lap_ns: int) -> int:
        return self._began_ns + lap_ns - self._began_lap_ns


class CallTraces:
    """Which calls are traced: those whose callers trace them, and a sample of those that come without a trace."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    def begin(self, path: str, metadata: Mapping[str, str]) -> CallTrace | None:
        """The trace of a call that has just come; None where it is not recorded."""
        text = metadata.get(HEADER)
        parent = None if text is None else parse_traceparent(text)
        if parent is not None:
            return CallTrace(path, parent.child(), parent) if parent.sampled else None
        return CallTrace(path, new_trace(), None) if self._tracer.begins() else None

    def tell(self, trace: CallTrace) -> None:
        """Export what a call did that has ended."""
        for span in trace.spans():
            self._tracer.tell(span)
