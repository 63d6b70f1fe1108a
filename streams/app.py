"""The Faust app: an agent a topic, each about as long as its description. Everything else comes in from outside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Protocol

import faust
from faust.app.base import BootStrategy

from features.plan import Plan
from features.settings import Settings
from streams.assignment import Assignment
from streams.batch import Batch
from streams.pulse import Pulse
from streams.transport import MAX_ROWS, BatchTopic, BatchTransport, LogWatch

FETCH_BYTES = 4 << 20
DRAIN_S = 2.0
"""A rebalance waits this long for what is under way; the group's own patience is `REBALANCE_S`."""
REBALANCE_S, SESSION_S, HEARTBEAT_S = 3.0, 6.0, 1.0


class Taker(Protocol):
    """What agents hand batches to."""

    async def take(self, batch: Batch) -> None:
        """Process a batch; never raises what a pause can cure."""
        ...

    async def drain(self, deadline_s: float) -> None:
        """Confirm what is under way, within the deadline."""
        ...


class ConsumerAlone(BootStrategy):  # type: ignore[misc]  # Faust is untyped
    """Starts no producer: Faust's would end the process that starts while the broker is away.

    The worker announces through one of its own.
    """

    enable_kafka_producer = False


class WorkerApp(faust.App):  # type: ignore[misc]  # Faust is untyped
    """A Faust app whose consumer hands over whole batches."""

    BootStrategy = ConsumerAlone

    def __init__(
        self, app_id: str, *, lanes: Assignment, pulse: Pulse, log_watch: LogWatch, taker: Taker, **options: Any
    ) -> None:
        self.lanes = lanes
        self.pulse = pulse
        self.log_watch = log_watch
        self.taker = taker
        super().__init__(app_id, Topic=BatchTopic, **options)

    def _new_transport(self) -> BatchTransport:
        return BatchTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """None: there are no tables."""

    async def _consumer_wait_empty(self, consumer: Any, logger: Any) -> None:  # noqa: ARG002 - Faust's signature
        """Called before partitions go, on rebalance and on shutdown: confirm what is under way, then let go."""
        await self.taker.drain(DRAIN_S)
        await consumer.commit()
        self.lanes.revoke()


def build_app(
    settings: Settings,
    plan: Plan,
    *,
    topics: Sequence[str],
    lanes: Assignment,
    pulse: Pulse,
    log_watch: LogWatch,
    taker: Taker,
    tasks: Sequence[Callable[[], Awaitable[None]]] = (),
) -> WorkerApp:
    """An app that reads these topics in the consumer group of this plan, and runs these tasks beside its agents."""
    app = WorkerApp(
        group_name(plan),
        lanes=lanes,
        pulse=pulse,
        log_watch=log_watch,
        taker=taker,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.bootstrap_servers.split(",")],
        autodiscover=False,
        web_enabled=settings.worker.web_port > 0,
        web_port=settings.worker.web_port or None,
        web_bind="127.0.0.1",
        topic_allow_declare=False,
        topic_disable_leader=True,
        stream_wait_empty=False,
        broker_max_poll_records=MAX_ROWS,
        broker_max_poll_interval=60.0,
        broker_rebalance_timeout=REBALANCE_S,
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_request_timeout=30.0,
        producer_request_timeout=30.0,
        consumer_max_fetch_size=FETCH_BYTES,
        consumer_auto_offset_reset="none",
        consumer_metadata_max_age_ms=10_000,
        worker_redirect_stdouts=False,
    )
    for topic in topics:
        app.agent(app.topic(topic, acks=False), name=f"take-{topic}")(_agent(taker))
    for task in tasks:
        app.task(task)
    return app


def group_name(plan: Plan) -> str:
    """The consumer group: workers of one plan share the partitions, workers of two plans each read all."""
    return f"{plan.project}-{plan.hash}"


def _agent(taker: Taker) -> Callable[[Any], Awaitable[None]]:
    async def take(batches: Any) -> None:
        async for batch in batches:
            await taker.take(batch)

    return take
