"""The watcher process: wired here, run here."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from types import FrameType

import structlog

from features.clock import SystemClock
from features.domain import load_domain
from features.judge import judge_of
from features.key_sample import KeySample
from features.lake import open_site_lake
from features.plan import Plan
from features.settings import Settings
from features.verify import VerifyReport, verify
from monitoring.drift_report import DriftReport
from monitoring.health_server import serve_health
from monitoring.html_report import save_page
from monitoring.metrics import MonitorMetrics
from monitoring.reference_shelf import ReferenceShelf
from monitoring.report_desk import ReportDesk
from monitoring.scores_lake import read_scores
from monitoring.scores_topic import ScoresTopic, open_consumer
from monitoring.spot_checks import SpotChecks
from monitoring.watcher import Watcher
from monitoring.watches import Watches

STOP_S = 2.0

log = structlog.get_logger(__name__)


def run_monitor(
    settings: Settings, plan: Plan, *, once: bool = False, stop: threading.Event | None = None
) -> DriftReport:
    """Watch the scores of a domain for drift.

    Parameters
    ----------
    settings
        The whole tree: broker, lake, state folder and the part ``monitor``.
    plan
        Names the project.
    once
        Read what ``millstream.scores`` holds (where it holds nothing, what the lake holds of it), write the report and
        return. No offsets are committed and nothing is served over HTTP.
    stop
        Set by the caller to end the watch; without it SIGTERM and SIGINT end it.

    Returns
    -------
    DriftReport
        As last written to ``reports/drift.json`` in the state folder.

    Raises
    ------
    BrokerUnavailableError
        With ``once`` only: otherwise the watcher is not ready, and tries again until the broker answers.

    """
    state_dir = settings.state_dir(plan.project)
    clock = SystemClock()
    watches = Watches(references=ReferenceShelf(state_dir / "models"), settings=settings.monitor, clock=clock)
    reports = state_dir / "reports"
    desk = ReportDesk(reports, watches=watches, clock=clock, save_page=save_page)
    metrics = MonitorMetrics(reports)
    watcher = Watcher(watches=watches, desk=desk, metrics=metrics, clock=clock)
    group = f"millstream-monitor-{plan.project}"
    with closing(open_consumer(settings.kafka.bootstrap_servers, group=group)) as consumer:
        topic = ScoresTopic(consumer, from_beginning=once)
        if once:
            watcher.read_all(topic)
            if not watches.seen:
                watcher.take(read_scores(open_site_lake(settings, plan.project)))
            return watcher.finish()
        checks = _spot_checks(settings, plan, metrics)
        with (
            _ended_by_signal(stop) as ending,
            _beside(checks, ending),
            serve_health(
                settings.monitor.metrics_port,
                registry=metrics.registry,
                alive=watcher.is_alive,
                ready=watcher.is_ready,
            ) as port,
        ):
            log.info("watching", project=plan.project, metrics_port=port)
            return watcher.run(topic, ending)


def _spot_checks(settings: Settings, plan: Plan, metrics: MonitorMetrics) -> SpotChecks | None:
    """Those that the settings ask for; each opens lake and bundles anew, to see what has come since."""
    if not settings.monitor.spot_check_s:
        return None
    state_dir = settings.state_dir(plan.project)

    def prove(sample: KeySample) -> VerifyReport:
        judge = judge_of(plan, load_domain(settings.repo).models, state_dir)
        return verify(open_site_lake(settings, plan.project), judge, sample=sample)

    every_s, keys = settings.monitor.spot_check_s, settings.monitor.spot_check_keys
    return SpotChecks(prove=prove, metrics=metrics, clock=SystemClock(), every_s=every_s, keys=keys)


@contextmanager
def _beside(checks: SpotChecks | None, stop: threading.Event) -> Iterator[None]:
    """Spot checks in a thread of their own while the block runs; one that is under way at the end is left alone."""
    if checks is None:
        yield
        return
    thread = threading.Thread(target=checks.run, args=(stop,), name="spot-checks", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(STOP_S)


@contextmanager
def _ended_by_signal(stop: threading.Event | None) -> Iterator[threading.Event]:
    """The caller's event; where there is none, one that SIGTERM and SIGINT set."""
    if stop is not None:
        yield stop
        return
    ending = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        ending.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
