"""What the monitor tells Prometheus, under ``millstream_monitor_``."""

from __future__ import annotations

from collections import Counter as Tally
from pathlib import Path
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge

from features.attribution import Cause
from features.verify import VerifyReport
from monitoring.challenger_result import ChallengerCollector
from monitoring.model_watch import ModelWatch, Verdict
from monitoring.verify_result import VerifyCollector

PREFIX = "millstream_monitor"
MODEL = ("model", "version")
FINDING = ("model", "version", "feature", "kind")


class MonitorMetrics:
    """The metrics of one monitor process, in a registry of their own.

    Parameters
    ----------
    reports
        ``reports/`` of the domain's state folder, where the last runs of verifier and challengers left theirs.

    """

    def __init__(self, reports: Path) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(VerifyCollector(reports))
        self.registry.register(ChallengerCollector(reports))
        self.records = self._counter("records", "Score records watched.", ("model",))
        self.skipped = self._counter("records_skipped", "Score records that could not be watched.", ("reason",))
        self.windows = self._counter("windows", "Windows tested.", MODEL)
        self.statistic = self._gauge("drift_statistic", "Statistic of each test in the latest window.", FINDING)
        self.effect_size = self._gauge("drift_effect_size", "Effect size of each test in the latest window.", FINDING)
        self.drifting = self._gauge("drifting", "1 where the test alarmed in the latest window.", FINDING)
        self.alarms = self._counter("alarms", "Alarms raised.", FINDING)
        self.last_report = self._gauge("last_report_timestamp_seconds", "When the drift report was last written.", ())
        self.last_window = self._gauge("last_window_timestamp_seconds", "When a window was last tested.", MODEL)
        self.lag = self._gauge("lag_records", "Score records in the topic that were not yet read.", ())
        self.ready = self._gauge("ready", "1 while the broker answers and the topic is read.", ())
        self.spot_checks = self._counter("spot_checks", "Samples of entities verified, by outcome.", ("outcome",))
        self.spot_checked = self._counter("spot_checked", "Score records that spot checks verified.", ())
        self.spot_mismatched = self._counter("spot_mismatched", "Score records that they could not prove.", ("cause",))
        self.spot_waiting = self._gauge("spot_waiting", "Records that the lake did not cover in the last one.", ())
        self.spot_lake_faults = self._gauge("spot_lake_faults", "Faults of the lake that the last one met.", ())
        self.spot_seconds = self._gauge("spot_check_seconds", "How long the last one took.", ())
        self.last_spot_check = self._gauge(
            "last_spot_check_timestamp_seconds", "When one last came to its end; at first, when the monitor began.", ()
        )
        for outcome in ("proven", "mismatched", "nothing_checked", "failed"):
            self.spot_checks.labels(outcome)
        for cause in get_args(Cause):
            self.spot_mismatched.labels(cause)
        for reason in ("not_decodable", "no_reference", "other_features"):
            self.skipped.labels(reason)
        self._shown_records: Tally[str] = Tally()
        self._shown_skipped: Tally[str] = Tally()

    def show_counts(self, *, records: Tally[str], skipped: Tally[str]) -> None:
        """Bring the counters of records up to date.

        Parameters
        ----------
        records
            Watched since the start, by model.
        skipped
            Not watched, by reason.

        """
        for model, more in (records - self._shown_records).items():
            self.records.labels(model).inc(more)
        for reason, more in (skipped - self._shown_skipped).items():
            self.skipped.labels(reason).inc(more)
        self._shown_records, self._shown_skipped = records.copy(), skipped.copy()

    def observe(self, watch: ModelWatch, verdict: Verdict, *, at_s: float) -> None:
        """Show what a window brought.

        Parameters
        ----------
        watch, verdict
            Whose window, and what it showed.
        at_s
            Processing time, seconds since 1970 UTC.

        """
        self.windows.labels(watch.model, watch.version).inc()
        self.last_window.labels(watch.model, watch.version).set(at_s)
        loud = {(alarm.feature, alarm.kind) for alarm in verdict.alarms}
        for finding in verdict.findings:
            labels = (watch.model, watch.version, finding.feature, finding.kind)
            alarmed = (finding.feature, finding.kind) in loud
            self.statistic.labels(*labels).set(finding.statistic)
            self.effect_size.labels(*labels).set(finding.effect_size)
            self.drifting.labels(*labels).set(alarmed)
            self.alarms.labels(*labels).inc(alarmed)

    def observe_spot_check(self, report: VerifyReport, *, at_s: float, took_s: float) -> None:
        """Count what a spot check found.

        Parameters
        ----------
        report
            Of the verifier.
        at_s, took_s
            When it ended (seconds since 1970 UTC) and how long it took.

        """
        wrong = report.mismatched or report.lake_faults
        outcome = "mismatched" if wrong else "proven" if report.checked else "nothing_checked"
        self.spot_checks.labels(outcome).inc()
        self.spot_checked.inc(report.checked)
        for cause, count in report.causes.items():
            self.spot_mismatched.labels(cause).inc(count)
        self.spot_waiting.set(report.waiting)
        self.spot_lake_faults.set(len(report.lake_faults))
        self.spot_seconds.set(took_s)
        self.last_spot_check.set(at_s)

    def forget(self, watch: ModelWatch) -> None:
        """Withdraw the series of a version that is no longer watched, so that its last drift does not stand for ever.

        Parameters
        ----------
        watch
            On that version.

        """
        whose = {"model": watch.model, "version": watch.version}
        for metric in (self.windows, self.last_window, self.statistic, self.effect_size, self.drifting, self.alarms):
            metric.remove_by_labels(whose)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> Counter:
        return Counter(f"{PREFIX}_{name}", text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"{PREFIX}_{name}", text, labels, registry=self.registry)
