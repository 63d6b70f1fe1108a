"""Whether the workers have applied, for good, everything that the broker holds."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from deploy.log_ends import Ends, read_ends
from deploy.server_process import LOOPBACK
from features.errors import NotServingError
from streams.logs import KafkaLogs

PAGE_S = 2.0
POLL_S = 0.02


class LanePosition(msgspec.Struct, frozen=True):
    """One partition on a worker's page ``/positions``.

    ``committed`` is where a restart would go on reading, ``watermark_lag_us`` how far the newest event time lies behind
    the newest Kafka timestamp.
    """

    topic: str
    partition: int
    log: str
    state: str
    committed: int | None = None
    end: int | None = None
    watermark_lag_us: int | None = None
    problem: str | None = None


class PositionsPage(msgspec.Struct, frozen=True):
    """The page."""

    partitions: list[LanePosition]


class CaughtUp:
    """Waits for the workers of one stack. ``worker_ports`` are those of their metrics pages."""

    def __init__(self, *, bootstrap_servers: str, worker_ports: Sequence[int]) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._logs = KafkaLogs(bootstrap_servers)
        self._ports = worker_ports

    def ends(self, topics: Iterable[str]) -> Ends:
        """Where each partition of these topics ends now."""
        return read_ends(self._bootstrap_servers, self._logs, topics)

    def ends_of(self, delivered: Mapping[tuple[str, int], int]) -> Ends:
        """The ends that a producer was told of, by (topic, partition), under the logs of now."""
        logs = self._logs.describe({topic for topic, _ in delivered})
        return {(topic, logs[topic].log, number): end for (topic, number), end in delivered.items()}

    def behind(self, ends: Ends) -> int:
        """Records below these ends that are not applied, written to the lake and marked as progress."""
        committed: dict[tuple[str, str, int], int] = {}
        for lane in self._lanes():  # the workers of two plans each read all: the slower ones count
            at = (lane.topic, lane.log, lane.partition)
            committed[at] = min(committed.get(at, lane.committed or 0), lane.committed or 0)
        return sum(max(0, end - committed.get(at, 0)) for at, end in ends.items())

    def wait(self, ends: Ends, *, deadline_s: float, progress: Callable[[int], None] = lambda _: None) -> None:
        """Return once everything below these ends is applied; NotServingError when nothing moves for that long."""
        least, moved_s = None, time.monotonic()
        while behind := self.behind(ends):
            progress(behind)
            if least is None or behind < least:
                least, moved_s = behind, time.monotonic()
            elif time.monotonic() - moved_s > deadline_s:
                raise NotServingError(
                    "worker", f"{behind} records are not applied and nothing moved for {deadline_s:.0f} s{self._why()}"
                )
            time.sleep(POLL_S)
        progress(0)

    def _why(self) -> str:
        problems = sorted({lane.problem for lane in self._lanes() if lane.problem})
        return f": {'; '.join(problems)}" if problems else ""

    def _lanes(self) -> list[LanePosition]:
        return [lane for port in self._ports for lane in read_positions(port)]


def read_positions(port: int) -> list[LanePosition]:
    """What one worker's page says; nothing when it does not answer."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PAGE_S)
    try:
        connection.request("GET", "/positions")
        return msgspec.json.decode(connection.getresponse().read(), type=PositionsPage).partitions
    except (OSError, http.client.HTTPException, msgspec.MsgspecError):
        return []
    finally:
        connection.close()
