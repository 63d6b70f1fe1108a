"""Keeps the latest alarms and writes the reports."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import structlog

from features.clock import Clock
from monitoring.drift_report import Alarm, DriftReport, save_report
from monitoring.watches import Judged, Watches

REPORT_EVERY_US = 60_000_000

log = structlog.get_logger(__name__)

SavePage = Callable[..., None]
"""`monitoring.html_report.save_page`, or a fake."""


class ReportDesk:
    """Gathers verdicts; writes ``drift.json`` and one HTML page a model version.

    Parameters
    ----------
    folder
        ``reports/`` of a domain's state folder.
    watches
        Whose counts the report gives.
    clock
        Processing time: at most one report a minute, for a page costs seconds.
    save_page
        Writes a page.

    """

    def __init__(self, folder: Path, *, watches: Watches, clock: Clock, save_page: SavePage) -> None:
        self._folder = folder
        self._watches = watches
        self._clock = clock
        self._save_page = save_page
        self._alarms: dict[tuple[str, str, str, str], Alarm] = {}
        self._unwritten: dict[tuple[str, str], Judged] = {}
        self._pages: dict[tuple[str, str], str] = {}
        self._next_at_us = 0

    def add(self, judged: Judged) -> None:
        """Take a verdict.

        Parameters
        ----------
        judged
            Of a window that has just been tested.

        """
        watch, verdict = judged
        self._unwritten[watch.model, watch.version] = judged
        for alarm in verdict.alarms:
            self._alarms[alarm.model, alarm.version, alarm.feature, alarm.kind] = alarm
        if verdict.alarms:
            features = sorted({alarm.feature for alarm in verdict.alarms})
            log.warning("drift", model=watch.model, version=watch.version, window=verdict.span.index, features=features)

    def forget(self, model: str, version: str) -> None:
        """Leave a version out of later reports; its page stays on disk.

        Parameters
        ----------
        model, version
            No longer watched.

        """
        self._alarms = {key: alarm for key, alarm in self._alarms.items() if key[:2] != (model, version)}
        self._unwritten.pop((model, version), None)
        self._pages.pop((model, version), None)

    @property
    def due(self) -> bool:
        """Whether there is something new and the last report is a minute old."""
        return bool(self._unwritten) and self._clock.now_us() >= self._next_at_us

    def write(self) -> DriftReport:
        """Write pages and report.

        Returns
        -------
        DriftReport
            As written to ``drift.json``.

        """
        for (model, version), (watch, verdict) in self._unwritten.items():
            path = self._folder / f"drift-{_file_name(model)}-{_file_name(version)}.html"
            self._save_page(path, reference=watch.reference, rows=verdict.rows)
            self._pages[model, version] = str(path)
        self._unwritten.clear()
        now_us = self._clock.now_us()
        self._next_at_us = now_us + REPORT_EVERY_US
        report = DriftReport(
            written_at_us=now_us,
            records=self._watches.seen,
            skipped=dict(self._watches.skipped),
            watched=sum(len(watch.reference.names) for watch in self._watches.open),
            windows=self._watches.windows,
            alarms=tuple(self._alarms.values()),
            pages=tuple(self._pages.values()),
        )
        save_report(report, self._folder / "drift.json")
        return report


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]", "_", text)
