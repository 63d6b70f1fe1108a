"""Traces of what a worker did with events whose producers trace them.

A batch is one span, with a link to each of those producers' spans. Each such event has two more: one in its producer's
trace, and one where its position says (`features.tracing.trace_of_position`), which links to it. So whoever reads a
state, and with it the position of the last event of each partition in it, can name that event's trace.
"""

from __future__ import annotations

from typing import Final

from features.tracing import Attribute, Span, TraceParent, Tracer, new_trace, parse_traceparent, trace_of_position
from streams.batch import Batch

MOST_EVENTS: Final = 32
"""Events of one batch that are traced, which takes some tens of microseconds each; more would tell nobody more."""


class BatchTraces:
    """Tells a tracer of batches."""

    def __init__(self, tracer: Tracer) -> None:
        self._tell = tracer.tell

    def confirmed(self, batch: Batch, began_ns: int, ended_ns: int) -> None:
        """The states of a batch are confirmed in the store; nothing is told where no producer traced an event of it."""
        parents = {
            offset: parent
            for offset, text in list(batch.traced.items())[:MOST_EVENTS]
            if (parent := parse_traceparent(text)) is not None
        }
        if not parents:
            return
        whole = Span(
            f"process {batch.topic}",
            new_trace(),
            began_ns,
            ended_ns,
            kind="consumer",
            links=list(parents.values()),
            attributes={
                **place(batch),
                "messaging.operation.type": "process",
                "messaging.batch.message_count": len(batch.offsets),
                "millstream.first_offset": batch.first_offset,
                "millstream.next_offset": batch.next_offset,
            },
        )
        self._tell(whole)
        for offset, parent in parents.items():
            self._event(batch, offset, parent, whole)

    def _event(self, batch: Batch, offset: int, parent: TraceParent, whole: Span) -> None:
        here, began_ns, ended_ns = parent.child(), whole.began_ns, whole.ended_ns
        attributes: dict[str, Attribute] = {**place(batch), "messaging.kafka.offset": offset}
        applied = Span(
            f"apply {batch.topic}",
            here,
            began_ns,
            ended_ns,
            kind="consumer",
            parent=parent,
            links=[whole.at],
            attributes=attributes,
        )
        self._tell(applied)
        by_position = trace_of_position(batch.log, batch.partition, offset)
        self._tell(Span(f"event {batch.topic}", by_position, began_ns, ended_ns, links=[here], attributes=attributes))


def place(batch: Batch) -> dict[str, str]:
    """Where its events stand, in the names of OpenTelemetry."""
    return {
        "messaging.system": "kafka",
        "messaging.destination.name": batch.topic,
        "messaging.destination.partition.id": str(batch.partition),
        "millstream.log": batch.log,
    }
