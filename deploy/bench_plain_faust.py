"""The yardstick of the stream's bench: Faust as it comes, with an agent that does nothing, in a process of its own.

``python -m deploy.bench_plain_faust BROKER TOPIC N`` reads N events and prints how many it took a second, as JSON.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import faust


def main(bootstrap_servers: str, topic: str, n_events: int) -> None:
    """Read that many events, then end the process."""
    folder = tempfile.mkdtemp(prefix="millstream-plain-faust-")
    app = faust.App(
        "plain-faust",
        broker=f"kafka://{bootstrap_servers}",
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        broker_rebalance_timeout=3.0,
        broker_session_timeout=6.0,
        broker_heartbeat_interval=1.0,
        datadir=folder,
        autodiscover=False,
        loghandlers=[],
    )

    async def take_nothing(events: Any) -> None:
        n_taken, began_s = 0, 0.0
        async for _ in events:
            if not n_taken:
                began_s = time.perf_counter()
            n_taken += 1
            if n_taken == n_events:
                per_second = (n_taken - 1) / (time.perf_counter() - began_s)
                os.write(1, json.dumps({"events_per_second": per_second}).encode())  # Faust redirects sys.stdout
                os._exit(0)  # a graceful end would take seconds and tell nothing more

    app.agent(app.topic(topic))(take_nothing)
    app.Worker(quiet=True, loglevel="ERROR", workdir=Path(folder)).execute_from_commandline()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
