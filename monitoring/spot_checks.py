"""Proves what was served all the time, on a fresh sample of entities each time, with a bounded share of the machine."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from features.clock import Clock
from features.key_sample import KeySample
from features.verify import VerifyReport
from monitoring.metrics import MonitorMetrics

REST = 9
"""A check is followed by at least so many times its own length of rest: it takes a tenth of a core at most."""

SHOWN = 5
"""Mismatches that are logged of each check."""

Prove = Callable[[KeySample], VerifyReport]

log = structlog.get_logger(__name__)


class SpotChecks:
    """Verifies a sample of entities from the lake, again and again.

    Parameters
    ----------
    prove
        `features.verify.verify` over the domain's lake.
    metrics
        Where the outcome is counted, by cause.
    clock
        Processing time; also what each check draws its sample by.
    every_s
        From the beginning of one check to that of the next.
    keys
        Entities of one sample.

    """

    def __init__(self, *, prove: Prove, metrics: MonitorMetrics, clock: Clock, every_s: float, keys: int) -> None:
        self._prove = prove
        self._metrics = metrics
        self._clock = clock
        self._every_s = every_s
        self._keys = keys
        metrics.last_spot_check.set(clock.now_us() / 1e6)

    def run(self, stop: threading.Event) -> None:
        """Check until told to stop; the first check comes after one interval.

        Parameters
        ----------
        stop
            Ends the wait at once, a check that is under way when it is done.

        """
        wait_s = self._every_s
        while not stop.wait(wait_s):
            took_s = self.check()
            wait_s = max(self._every_s - took_s, REST * took_s)

    def check(self) -> float:
        """One check; what goes wrong in it is counted and logged, for the next one may go well.

        Returns
        -------
        float
            Seconds that it took.

        """
        began_us = seed = self._clock.now_us()
        try:
            report = self._prove(KeySample(self._keys, seed=seed))
        except Exception as error:
            log.exception("a spot check failed", error=str(error), seed=seed)
            self._metrics.spot_checks.labels("failed").inc()
            return (self._clock.now_us() - began_us) / 1e6
        ended_us = self._clock.now_us()
        took_s = (ended_us - began_us) / 1e6
        self._metrics.observe_spot_check(report, at_s=ended_us / 1e6, took_s=took_s)
        for found in report.mismatches[:SHOWN]:
            log.error(
                "a score is not proven",
                request_id=found.request_id,
                feature=found.feature,
                cause=found.cause,
                detail=found.detail,
            )
        for fault in report.lake_faults[:SHOWN]:
            log.error("the lake is at fault", fault=fault)
        log.info("spot check", checked=report.checked, mismatched=report.mismatched, seed=seed, keys=self._keys)
        return took_s
