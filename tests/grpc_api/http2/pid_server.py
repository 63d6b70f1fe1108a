"""Processes on one port that each answer with their pid.

``python -m tests.grpc_api.http2.pid_server PORT N [FAIL]``.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from features.errors import MillstreamError, SettingsError
from features.settings import ScorerSettings
from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.http2.limits import Limits
from grpc_api.http2.listener import open_shared_listener
from grpc_api.http2.server import Http2Server
from grpc_api.meter import Meter
from grpc_api.methods import UnaryMethod, by_path
from grpc_api.metrics import ScorerMetrics
from grpc_api.processes import ChildSide, run_processes
from tests.grpc_api.http2.serving import SERVICE


async def pid(_data: bytes, _call: Call) -> bytes:
    return str(os.getpid()).encode()


async def wait(data: bytes, _call: Call) -> bytes:
    await asyncio.sleep(float(data))
    return data


async def serve(settings: ScorerSettings, side: ChildSide) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_reader(side.parent, stopping.set)
    server = Http2Server(
        methods=by_path([UnaryMethod(f"{SERVICE}Pid", "open", pid), UnaryMethod(f"{SERVICE}Wait", "open", wait)]),
        gate=Gate(Meter(ScorerMetrics())),
        limits=Limits(),
        listen=lambda: open_shared_listener(settings.host, settings.port),
    )
    await server.start()
    side.say_ready()
    await stopping.wait()
    await server.stop(5.0)


def main(port: int, n: int, *, fails: bool) -> None:
    def run(settings: ScorerSettings, side: ChildSide) -> None:
        if fails and settings.metrics_port == 9_202:
            raise SettingsError("MILLSTREAM_SOMETHING", "is wrong", "set it right")
        asyncio.run(serve(settings, side))

    run_processes(ScorerSettings(port=port, processes=n, rest=False), run)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), fails=len(sys.argv) > 3)
    except MillstreamError as error:
        sys.exit(str(error))
