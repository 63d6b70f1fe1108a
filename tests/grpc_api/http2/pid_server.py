"""Processes on one port that each answer with their pid.

``python -m tests.grpc_api.http2.pid_server PORT N [fail | ORDER]``: one of them fails as it comes up, or whichever
finds that file as it starts takes it away, and hangs.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Final

from features.errors import MillstreamError, SettingsError
from features.settings import ScorerSettings
from grpc_api.call import Call
from grpc_api.gate import Gate
from grpc_api.http2.door import Places
from grpc_api.http2.limits import Limits
from grpc_api.http2.listener import open_shared_listener
from grpc_api.http2.server import Http2Server
from grpc_api.meter import Meter
from grpc_api.methods import UnaryMethod, by_path
from grpc_api.metrics import ScorerMetrics
from grpc_api.processes import START_S, ChildSide, run_processes
from tests.grpc_api.http2.serving import SERVICE

HANG_S: Final = 5.0
"""Time to come up where one is to hang; the others have theirs, however busy the machine is."""


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
        places=Places(100),
        listen=lambda: open_shared_listener(settings.host, settings.port),
    )
    await server.start()
    side.say_ready()
    await stopping.wait()
    await server.stop(5.0)


def hang_if_ordered(order: Path) -> None:
    if order.exists():
        order.unlink()
        while True:
            signal.pause()


def main(port: int, n: int, fault: str | None) -> None:
    def run(settings: ScorerSettings, side: ChildSide) -> None:
        if fault == "fail" and settings.metrics_port == 9_202:
            raise SettingsError("MILLSTREAM_SOMETHING", "is wrong", "set it right")
        if fault is not None:
            hang_if_ordered(Path(fault))
        asyncio.run(serve(settings, side))

    run_processes(ScorerSettings(port=port, processes=n, rest=False), run, start_s=START_S if fault is None else HANG_S)


if __name__ == "__main__":
    try:
        main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3] if len(sys.argv) > 3 else None)
    except MillstreamError as error:
        sys.exit(str(error))
