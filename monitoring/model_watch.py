"""The watch on one version of one model."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from features.settings import MonitorSettings
from monitoring.change_tests import ChangeTests
from monitoring.drift_report import Alarm, Span
from monitoring.finding import Finding
from monitoring.mean_difference import mean_difference
from monitoring.reference import Reference
from monitoring.sample_window import Row, SampleWindow
from monitoring.window_tests import WindowTests

MIN_ROWS = 100
"""A last window with fewer rows is not tested: it could not tell a change from chance."""


class Verdict(NamedTuple):
    """What a finished window showed.

    Parameters
    ----------
    findings
        Every test, alarm or not.
    alarms
        Those worth a person's attention.
    span, rows
        The window.

    """

    findings: list[Finding]
    alarms: list[Alarm]
    span: Span
    rows: npt.NDArray[np.float64]


class ModelWatch:
    """Collects the scores of one model version in windows and judges each.

    Parameters
    ----------
    model, version
        Whose scores these are.
    reference
        What that version was trained on.
    settings
        Window size, false discovery rate, least effect size.
    random
        Source of the samples.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> reference = Reference(("v:a", "score"), rng.normal(size=(5_000, 2)))
    >>> watch = ModelWatch("risk", "1", reference=reference, settings=MonitorSettings(), random=Random(0))
    >>> for offset, values in enumerate(rng.normal(size=(2_000, 2)) + [0.5, 0.0]):
    ...     _ = watch.add(Row(0, offset, offset, tuple(values)))
    >>> verdict = watch.flush()
    >>> {alarm.feature for alarm in verdict.alarms}
    {'v:a'}

    """

    def __init__(
        self, model: str, version: str, *, reference: Reference, settings: MonitorSettings, random: Random
    ) -> None:
        self.model = model
        self.version = version
        self.reference = reference
        self.windows = 0
        self._settings = settings
        self._random = random
        self._window = self._open_window()
        rate = settings.false_discovery_rate
        self._window_tests = WindowTests(reference, false_discovery_rate=rate)
        self._change_tests = ChangeTests(reference, false_alarm_rate=rate)

    @property
    def first_offsets(self) -> dict[int, int]:
        """First offset, by partition, of the records that are not yet in a judged window."""
        return self._window.first_offsets

    def add(self, row: Row) -> Verdict | None:
        """Take the next record.

        Parameters
        ----------
        row
            With values in the order of ``reference.names``.

        Returns
        -------
        Verdict or None
            Of the window that this record completed.

        """
        self._window.add(row)
        return self._judge() if self._window.complete else None

    def settle(self) -> Verdict | None:
        """Judge a full window although the batch that filled it might go on: nothing has come for a while.

        Returns
        -------
        Verdict or None
            None where the window is not full.

        """
        return self._judge() if self._window.full else None

    def flush(self) -> Verdict | None:
        """Judge what there is, at the end of the stream.

        Returns
        -------
        Verdict or None
            None where that is less than `MIN_ROWS`.

        """
        return self._judge() if len(self._window) >= MIN_ROWS else None

    def _open_window(self) -> SampleWindow:
        return SampleWindow(capacity=self._settings.window_rows, random=self._random)

    def _judge(self) -> Verdict:
        rows, span = self._window.to_rows(), self._window.span(self.windows)
        self.windows += 1
        self._window = self._open_window()
        self._window_tests.update(rows)
        self._change_tests.update(rows)
        findings = self._window_tests.findings + self._change_tests.findings
        loud = [finding for finding in findings if finding.alarms(self._settings.min_effect)]
        return Verdict(findings, [self._alarm(finding, rows, span) for finding in loud], span, rows)

    def _alarm(self, finding: Finding, rows: npt.NDArray[np.float64], span: Span) -> Alarm:
        column = self.reference.names.index(finding.feature)
        values = rows[:, column]
        return Alarm(
            model=self.model,
            version=self.version,
            feature=finding.feature,
            kind=finding.kind,
            effect_size=finding.effect_size,
            statistic=finding.statistic,
            p_value=finding.p_value,
            mean_shift=mean_difference(self.reference.known(column), values[~np.isnan(values)]),
            window=span,
        )
