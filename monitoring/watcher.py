"""The loop of the watcher: records in, verdicts to metrics and reports, offsets back."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Protocol

import structlog

from features.clock import Clock
from features.errors import BrokerUnavailableError
from monitoring.drift_report import DriftReport
from monitoring.metrics import MonitorMetrics
from monitoring.report_desk import ReportDesk
from monitoring.scores_topic import ScoreMessage
from monitoring.watches import Judged, Watches

WAIT_S = 0.5
RETRY_S = 2.0
ROUNDS_US = 10_000_000
SETTLE_US = 5_000_000
ALIVE_US = 300_000_000
SILENCE_US = 30_000_000

log = structlog.get_logger(__name__)


class Topic(Protocol):
    """Where records come from: `monitoring.scores_topic.ScoresTopic`, or a fake."""

    @property
    def at_end(self) -> bool:
        """Whether all has been read."""

    @property
    def next_offsets(self) -> Mapping[int, int]:
        """Offsets after the last record read."""

    @property
    def lag(self) -> int:
        """Records not yet read."""

    def include_new_partitions(self) -> None:
        """Look for partitions; BrokerUnavailableError where the broker is away."""

    def read(self, timeout_s: float) -> list[ScoreMessage]:
        """The next records."""

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Where to go on after a restart."""


class Watcher:
    """Runs the watches over a topic.

    Parameters
    ----------
    watches, desk, metrics
        Who judges, who writes, who counts.
    clock
        Processing time.

    """

    def __init__(self, *, watches: Watches, desk: ReportDesk, metrics: MonitorMetrics, clock: Clock) -> None:
        self._watches = watches
        self._desk = desk
        self._metrics = metrics
        self._clock = clock
        self._beat_us = clock.now_us()
        self._heard_us = clock.now_us()
        self._next_round_us = 0
        self._reached = False
        self._committed: dict[int, int] = {}

    def is_alive(self) -> bool:
        """Whether the loop goes round; pages of Evidently's may hold it up for a minute.

        Returns
        -------
        bool
            False calls for a restart.

        """
        return self._clock.now_us() - self._beat_us < ALIVE_US

    def is_ready(self) -> bool:
        """Whether records are read: the broker answers and has the topic.

        Returns
        -------
        bool
            False calls for patience: the watcher tries again by itself.

        """
        return self.is_alive() and self._reached

    def read_all(self, topic: Topic) -> None:
        """Read a topic from its beginning to its end.

        Parameters
        ----------
        topic
            Opened at its beginning.

        Raises
        ------
        BrokerUnavailableError
            Nothing has come for half a minute, and it is not the end.

        """
        topic.include_new_partitions()
        heard_us = self._clock.now_us()
        while not topic.at_end:
            messages = topic.read(WAIT_S)
            if messages:
                heard_us = self._clock.now_us()
            elif self._clock.now_us() - heard_us > SILENCE_US:
                raise BrokerUnavailableError("kafka", f"{topic.lag} score records are there and do not come")
            self.take(messages)

    def take(self, messages: Iterable[ScoreMessage]) -> None:
        """Watch some records.

        Parameters
        ----------
        messages
            The next ones, in the order of time.

        """
        self._tell(self._watches.take(messages))

    def finish(self) -> DriftReport:
        """Judge the last windows, although they are not full, and write the report.

        Returns
        -------
        DriftReport
            As written.

        """
        self._tell(self._watches.flush())
        return self._write()

    def run(self, topic: Topic, stop: threading.Event) -> DriftReport:
        """Follow a topic until told to stop.

        A window that is not full then is left to the next process: offsets go back to where it begins.

        Parameters
        ----------
        topic
            Opened where the group left off.
        stop
            Ends the watch within a second.

        Returns
        -------
        DriftReport
            As last written.

        """
        while not stop.is_set():
            self._beat_us = self._clock.now_us()
            try:
                self._step(topic)
            except BrokerUnavailableError as error:
                log.warning("the broker is away; trying again", error=str(error))
                self._show_reached(reached=False)
                stop.wait(RETRY_S)
        try:
            self._commit(topic)
        except BrokerUnavailableError as error:
            log.warning("offsets were not kept; some records will be read again", error=str(error))
        return self._write()

    def _step(self, topic: Topic) -> None:
        now_us = self._clock.now_us()
        if now_us >= self._next_round_us:
            topic.include_new_partitions()
            self._show_reached(reached=True)
            self._commit(topic)
            self._retire()
            self._next_round_us = now_us + ROUNDS_US
        messages = topic.read(WAIT_S)
        self.take(messages)
        self._metrics.lag.set(topic.lag)
        if messages:
            self._heard_us = now_us
        elif now_us - self._heard_us > SETTLE_US:
            self._tell(self._watches.settle())
        if self._desk.due:
            self._write()

    def _tell(self, verdicts: Iterable[Judged]) -> None:
        for judged in verdicts:
            self._desk.add(judged)
            self._metrics.observe(*judged, at_s=self._clock.now_us() / 1e6)
        self._metrics.show_counts(records=self._watches.records, skipped=self._watches.skipped)

    def _show_reached(self, *, reached: bool) -> None:
        self._reached = reached
        self._metrics.ready.set(reached)

    def _commit(self, topic: Topic) -> None:
        offsets = self._watches.restart_offsets(topic.next_offsets)
        changed = {
            partition: offset for partition, offset in offsets.items() if self._committed.get(partition) != offset
        }
        if changed:
            topic.commit(changed)
            self._committed |= changed

    def _retire(self) -> None:
        for watch in self._watches.retire():
            log.info("a version is no longer watched", model=watch.model, version=watch.version)
            self._desk.forget(watch.model, watch.version)
            self._metrics.forget(watch)

    def _write(self) -> DriftReport:
        report = self._desk.write()
        self._metrics.last_report.set(report.written_at_us / 1e6)
        return report
