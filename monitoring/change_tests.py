"""Change detectors of every feature and the score, side by side."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from monitoring.adaptive_mean import AdaptiveMean
from monitoring.adaptive_spread import AdaptiveSpread
from monitoring.finding import Finding
from monitoring.reference import Reference

Floats = npt.NDArray[np.float64]


class ChangeTests:
    """ADWIN on mean and spread of every watched quantity; each detector gets an equal share of the false alarms.

    Where the window tests ask whether a window is like the reference, these remember all windows since the last
    change: a slow drift, too small in any one window, adds up here.

    Parameters
    ----------
    reference
        What the detectors start on.
    false_alarm_rate
        Significance of all detectors together (Bonferroni).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> tests = ChangeTests(Reference(("v:a", "score"), rng.normal(size=(5_000, 2))), false_alarm_rate=0.01)
    >>> tests.update(rng.normal(size=(2_000, 2)) * [1.0, 1.5])
    >>> [(finding.feature, finding.kind) for finding in tests.findings if finding.significant]
    [('score', 'spread')]

    """

    def __init__(self, reference: Reference, *, false_alarm_rate: float) -> None:
        delta = false_alarm_rate / (2 * len(reference.names))
        self._columns: list[tuple[int, str, AdaptiveMean, AdaptiveSpread]] = []
        for column, name in enumerate(reference.names):
            known = reference.known(column)
            if len(known):
                detectors = AdaptiveMean(known, delta=delta), AdaptiveSpread(known, delta=delta)
                self._columns.append((column, name, *detectors))
        self._findings: list[Finding] = []

    def update(self, rows: Floats) -> None:
        """Feed a window; the findings of the window before it are forgotten, what the detectors learnt is not.

        Parameters
        ----------
        rows
            One row a record, columns as in the reference, NaN for null.

        """
        self._findings = []
        for column, name, mean, spread in self._columns:
            values = rows[:, column]
            known = values[~np.isnan(values)]
            mean.update(known)
            spread.update(known)
            self._findings += [
                Finding(name, "mean", abs(mean.shift), mean.shift, None, mean.changed),
                Finding(name, "spread", abs(spread.shift), spread.shift, None, spread.changed),
            ]

    @property
    def findings(self) -> list[Finding]:
        """What the last window showed: two findings a quantity."""
        return self._findings
