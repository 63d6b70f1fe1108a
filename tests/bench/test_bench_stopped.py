"""A bench that is told to end leaves no server behind."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from deploy.exit_codes import ExitCode
from tests.waiting import wait_until

ENDS_S = 60.0


@pytest.mark.servers
def test_a_bench_that_is_terminated_stops_its_servers() -> None:
    """SIGTERM ends it like Ctrl-C does."""
    with subprocess.Popen((sys.executable, "-m", "millstream", "bench", "store"), stderr=subprocess.PIPE) as bench:
        process = psutil.Process(bench.pid)
        wait_until(lambda: bool(process.children()), ENDS_S, "a server of the bench")
        servers = process.children(recursive=True)
        bench.terminate()
        bench.communicate(timeout=ENDS_S)
    assert bench.returncode == ExitCode.INTERRUPTED
    assert not any(server.is_running() for server in servers)
