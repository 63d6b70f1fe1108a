"""The tests of a window are one family."""

from __future__ import annotations

import numpy as np
from scipy.stats import false_discovery_control, fisher_exact, ks_2samp

from monitoring.reference import Reference
from monitoring.window_tests import WindowTests
from tests.monitoring.scores import NAMES, draw


def test_shapes_and_null_rates_of_all_features_and_the_score_are_corrected_together() -> None:
    """Two tests a quantity, and scipy's correction over all of them at once."""
    rng = np.random.default_rng(0)
    reference, window = draw(rng, 3_000), draw(rng, 1_000)
    tests = WindowTests(Reference(NAMES, reference), false_discovery_rate=0.01)
    tests.update(window)
    raw = []
    for column in range(len(NAMES)):
        theirs, ours = reference[:, column], window[:, column]
        nulls = [[np.isnan(x).sum(), (~np.isnan(x)).sum()] for x in (ours, theirs)]
        raw.append(fisher_exact(nulls)[1])
        raw.append(ks_2samp(theirs[~np.isnan(theirs)], ours[~np.isnan(ours)], method="asymp").pvalue)
    assert [(f.feature, f.kind) for f in tests.findings] == [(n, k) for n in NAMES for k in ("nulls", "distribution")]
    corrected = false_discovery_control(np.clip(raw, 0.0, 1.0))
    np.testing.assert_allclose([f.p_value for f in tests.findings], corrected, rtol=1e-9)


def test_a_window_in_which_nothing_changed_is_significant_once_in_twenty_at_most() -> None:
    """At a rate of 0.05, over 200 windows of 10 features; uncorrected it would be 2 in 5."""
    rng = np.random.default_rng(1)
    names = (*(f"v:{i}" for i in range(10)), "score")
    significant = []
    for _ in range(200):
        tests = WindowTests(Reference(names, rng.normal(size=(300, 11))), false_discovery_rate=0.05)
        tests.update(rng.normal(size=(200, 11)))
        significant.append(any(finding.significant for finding in tests.findings))
    assert np.mean(significant) < 0.09


def test_the_rate_decides() -> None:
    """A difference that one rate rules out as chance, a stricter one does not."""
    rng = np.random.default_rng(0)
    reference = Reference(("v:a", "score"), rng.normal(size=(2_000, 2)))
    window = rng.normal(size=(400, 2)) + np.array((0.15, 0.0))
    found = []
    for rate in (0.2, 1e-6):
        tests = WindowTests(reference, false_discovery_rate=rate)
        tests.update(window)
        found.append([finding.feature for finding in tests.findings if finding.significant])
    assert found == [["v:a"], []]
