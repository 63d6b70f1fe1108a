"""The yardstick of the stream's bench: Faust as it comes, with an agent that does nothing, in a process of its own.

``python -m deploy.stream_bench.plain_faust BROKER TOPIC N`` prints how many of N events it took a second, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from deploy.peers.faust_app import open_app, run_app
from deploy.stream_bench.worker import import_path
from features.errors import NotServingError

DEADLINE_S: Final = 300.0


def plain_faust_speed(bootstrap_servers: str, topic: str, n_events: int) -> float:
    """Events a second of an agent that does nothing."""
    environment = {**os.environ, "PYTHONPATH": import_path()}
    with tempfile.TemporaryDirectory(prefix="millstream-plain-faust-") as folder:
        command = (sys.executable, "-m", __name__, bootstrap_servers, topic, str(n_events), folder)
        try:
            done = subprocess.run(command, env=environment, capture_output=True, timeout=DEADLINE_S, check=True)
        except subprocess.CalledProcessError as error:
            raise NotServingError("plain Faust", error.stderr.decode(errors="replace").strip()[-500:]) from None
        except subprocess.TimeoutExpired:
            raise NotServingError("plain Faust", f"did not read {n_events} events in {DEADLINE_S:.0f} s") from None
    return float(json.loads(done.stdout[done.stdout.rindex(b"{") :])["events_per_second"])


def main(bootstrap_servers: str, topic: str, n_events: int, folder: Path) -> None:
    """Read that many events, then end the process."""
    app = open_app("plain-faust", bootstrap_servers, folder)

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
    run_app(app, folder)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
