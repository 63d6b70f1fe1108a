"""The rooms as processes of the stack: each is a verb of the command line, with a probe that says when it is ready."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.server_process import LOOPBACK, Server, answers_tcp
from features.settings import Settings

PROBE_S = 2.0


class Room(Server):
    """One verb that runs until it is stopped."""

    ready_deadline_s = 60.0
    stop_deadline_s = 20.0

    def __init__(
        self,
        name: str,
        verb: Sequence[str],
        *,
        port: int | None,
        probe: Callable[[], bool],
        folder: Path,
        log_dir: Path,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.name = name
        super().__init__(folder, port=port, log_dir=log_dir)
        self.listens = port is not None
        self._verb = verb
        self._probe = probe
        self._environment = environment or {}

    def command(self) -> Sequence[str]:
        """See `Server.command`."""
        return (sys.executable, "-m", "deploy", *self._verb)

    def environment(self) -> Mapping[str, str]:
        """See `Server.environment`."""
        return self._environment

    def is_ready(self) -> bool:
        """What its probe says."""
        return self.is_running and self._probe()


def make_worker(name: str, plan_hash: str, ports: tuple[int, int], *, repo: Path, log_dir: Path) -> Room:
    """A worker of one plan, with its ports for metrics and for Faust's own pages."""
    metrics, web = ports
    return Room(
        name,
        ["worker", "--plan", plan_hash, "--repo", str(repo)],
        port=metrics,
        probe=lambda: answers_http(metrics, "/readyz"),
        folder=Path.cwd(),
        log_dir=log_dir,
        environment={"MILLSTREAM_WORKER__METRICS_PORT": str(metrics), "MILLSTREAM_WORKER__WEB_PORT": str(web)},
    )


def make_rooms(settings: Settings, *, repo: Path, log_dir: Path) -> list[Room]:
    """Scorer, model sync and monitor, in the order in which they start."""
    here = Path.cwd()

    def room(name: str, verb: Sequence[str], port: int | None, probe: Callable[[], bool]) -> Room:
        return Room(name, [*verb, "--repo", str(repo)], port=port, probe=probe, folder=here, log_dir=log_dir)

    scorer, monitor = settings.scorer, settings.monitor
    return [
        room("scorer", ["scorer"], scorer.port, lambda: answers_tcp(scorer.port)),
        room("model-sync", ["models", "sync"], None, lambda: True),
        room("monitor", ["monitor"], monitor.metrics_port, lambda: answers_http(monitor.metrics_port, "/readyz")),
    ]


def answers_http(port: int, path: str) -> bool:
    """Whether a page of this machine answers 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PROBE_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
