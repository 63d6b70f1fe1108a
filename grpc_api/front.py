"""What callers reach: the methods of all services behind one gate, over gRPC and, where that is on, over REST."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from features.clock import Clock
from features.settings import ScorerSettings
from grpc_api.call_trace import CallTraces
from grpc_api.catalogue import Catalogue
from grpc_api.channelz import SERVICE as CHANNELZ
from grpc_api.channelz import Channelz
from grpc_api.core import SERVICE, Core
from grpc_api.gate import gate_of
from grpc_api.health import SERVICE as HEALTH
from grpc_api.health import Health
from grpc_api.http2.door import Places, Turned, connections_that_fit
from grpc_api.http2.limits import Limits
from grpc_api.http2.listener import REST_PORT, open_listener, open_shared_listener
from grpc_api.http2.server import Http2Server
from grpc_api.http2.tls import HTTP1, HTTP2, open_tls
from grpc_api.load import Load
from grpc_api.meter import Meter
from grpc_api.methods import Method, by_path
from grpc_api.metrics import ScorerMetrics
from grpc_api.models import Models
from grpc_api.open_inference.service import SERVICE as OPEN_INFERENCE
from grpc_api.open_inference.service import OpenInference
from grpc_api.reflection import Reflection
from grpc_api.rest.app import build_app
from grpc_api.rest.server import RestServer
from grpc_api.turns import Turns


class Front:
    """The servers in front of a core, started and stopped together.

    Parameters
    ----------
    settings
        Where they listen, and whom they let in.
    core, health
        Services that are answered, beside those that tell of them.
    models
        What is told of.
    turns
        Whose turn it is to use the processor; a call that would wait for its own too long is refused.
    metrics, meter, traces, clock
        Collaborators.

    """

    def __init__(
        self,
        *,
        settings: ScorerSettings,
        core: Core,
        health: Health,
        models: Models,
        turns: Turns,
        metrics: ScorerMetrics,
        meter: Meter,
        traces: CallTraces | None,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._catalogue = Catalogue(models=models, health=health)
        self._methods = by_path(
            method
            for method in self._all_methods(core, health, clock)
            if method.group != "admin" or settings.serves_admin
        )
        load = Load(turns, max_in_flight=settings.max_in_flight)
        metrics.in_flight.set_function(lambda: load.n_in_flight)
        self._gate = gate_of(settings, meter=meter, load=load, traces=traces)
        self._open_port = open_listener if settings.processes == 1 else open_shared_listener
        self._places = Places(connections_that_fit(settings.max_connections))
        metrics.connections.set_function(lambda: self._places.n_taken)
        self.transport = self._open_transport()
        self._rest = self._open_rest() if settings.rest else None

    @property
    def port(self) -> int:
        """Where gRPC listens, once started."""
        return self.transport.port

    @property
    def rest_port(self) -> int | None:
        """Where the REST gateway listens, once started; None where it is switched off."""
        return None if self._rest is None else self._rest.port

    async def start(self) -> None:
        """Answer from now on."""
        await self.transport.start()
        if self._rest is not None:
            await self._rest.start()

    async def stop(self, drain_s: float) -> None:
        """Take no more calls, and let those in flight end."""
        async with asyncio.TaskGroup() as stopping:
            stopping.create_task(self.transport.stop(drain_s))
            if self._rest is not None:
                stopping.create_task(self._rest.stop(drain_s))

    def _all_methods(self, core: Core, health: Health, clock: Clock) -> Iterator[Method]:
        """Those that settings may switch off, too."""
        yield from core.methods()
        yield from health.methods()
        yield from OpenInference(
            catalogue=self._catalogue,
            score_batch=core.score_batch,
            clock=clock,
            max_batch_rows=self._settings.max_batch_rows,
        ).methods()
        yield from Reflection((SERVICE, HEALTH, OPEN_INFERENCE, CHANNELZ)).methods()
        yield from Channelz(lambda: self.transport).methods()

    def _open_transport(self) -> Http2Server:
        settings = self._settings
        return Http2Server(
            methods=self._methods,
            gate=self._gate,
            limits=Limits(
                message_bytes=settings.max_message_bytes,
                idle_s=settings.max_connection_idle_s,
                age_s=settings.max_connection_age_s,
            ),
            listen=lambda: self._open_port(settings.host, settings.port),
            tls=open_tls(settings.tls, HTTP2),
            places=self._places,
            on_turned_away=self._turned_away,
        )

    def _open_rest(self) -> RestServer:
        settings = self._settings
        app = build_app(
            gate=self._gate,
            methods=self._methods,
            catalogue=self._catalogue,
            registry=self._metrics.registry,
            max_batch_rows=settings.max_batch_rows,
            max_message_bytes=settings.max_message_bytes,
            shows_models=settings.everybody_may_call,
        )
        return RestServer(
            app,
            listen=lambda: self._open_port(settings.host, settings.rest_port, REST_PORT),
            tls=open_tls(settings.tls, HTTP1),
            places=self._places,
            on_turned_away=self._turned_away,
        )

    def _turned_away(self, why: Turned) -> None:
        self._metrics.connections_refused.labels(why).inc()
