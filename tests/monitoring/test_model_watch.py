"""The whole way from records to alarms, on both sides: silent where nothing changed, loud where something did."""

from __future__ import annotations

from random import Random

import numpy as np
import numpy.typing as npt
import pytest

from features.settings import MonitorSettings
from monitoring.drift_report import Alarm
from monitoring.model_watch import ModelWatch
from monitoring.reference import Reference
from monitoring.sample_window import Row
from tests.monitoring.scores import FEATURES, NAMES, draw

Floats = npt.NDArray[np.float64]
SEEDS = range(20)


def make_watch(rng: np.random.Generator, settings: MonitorSettings | None = None) -> ModelWatch:
    """A watch on a model that was trained on `draw`."""
    reference = Reference(NAMES, draw(rng, 5_000))
    return ModelWatch("churn", "1", reference=reference, settings=settings or MonitorSettings(), random=Random(0))


def alarms_of(watch: ModelWatch, rows: Floats, *, as_of_us: int | None = None) -> list[Alarm]:
    """Alarms of a stream, the last partial window included."""
    verdicts = [
        watch.add(Row(0, offset, offset if as_of_us is None else as_of_us, tuple(values)))
        for offset, values in enumerate(rows.tolist())
    ]
    return [alarm for verdict in [*verdicts, watch.flush()] if verdict for alarm in verdict.alarms]


@pytest.mark.parametrize("seed", SEEDS)
def test_the_references_distribution_raises_no_alarm(seed: int) -> None:
    """Four windows of eight quantities that did not change: 128 tests, silence."""
    rng = np.random.default_rng(seed)
    watch = make_watch(rng)
    assert alarms_of(watch, draw(rng, 8_000)) == []
    assert watch.windows == 4


@pytest.mark.parametrize("seed", SEEDS)
def test_a_shift_of_half_a_sigma_is_named(seed: int) -> None:
    """One feature moves by 0.5 σ: it alarms, and nothing else does."""
    rng = np.random.default_rng(seed)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[:, 0] += 2.5
    alarms = alarms_of(watch, rows)
    assert {alarm.feature for alarm in alarms} == {"v:normal"}
    assert {alarm.kind for alarm in alarms} >= {"distribution", "mean"}
    distribution = next(alarm for alarm in alarms if alarm.kind == "distribution")
    assert distribution.effect_size == pytest.approx(0.197, abs=0.05)  # 2 Φ(0.25) − 1
    assert distribution.mean_shift == pytest.approx(0.5, abs=0.1)
    assert distribution.p_value is not None
    assert distribution.p_value < 1e-6


def test_a_shift_of_the_score_is_named() -> None:
    """The score is watched like a feature."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[:, -1] = np.minimum(rows[:, -1] + 0.1, 1.0)
    assert {alarm.feature for alarm in alarms_of(watch, rows)} == {"score"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_change_of_variance_is_caught_by_z(seed: int) -> None:
    """The spread grows by 40 %: the detector on |z| names the feature, the one on the mean stays silent."""
    rng = np.random.default_rng(seed)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[:, 0] = 50.0 + (rows[:, 0] - 50.0) * 1.4
    kinds = {(alarm.feature, alarm.kind) for alarm in alarms_of(watch, rows)}
    assert ("v:normal", "spread") in kinds
    assert ("v:normal", "mean") not in kinds
    assert {feature for feature, _ in kinds} == {"v:normal"}


@pytest.mark.parametrize("seed", SEEDS)
def test_nulls_where_there_were_few_are_named(seed: int) -> None:
    """A feed that loses 3 % of one feature: the values left look as ever, the rate does not."""
    rng = np.random.default_rng(seed)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[rng.random(2_000) < 0.03, 0] = np.nan
    alarms = alarms_of(watch, rows)
    assert [(alarm.feature, alarm.kind) for alarm in alarms] == [("v:normal", "nulls")]
    assert alarms[0].statistic == pytest.approx(0.03, abs=0.015)


def test_a_feature_that_goes_all_null_is_named() -> None:
    """No value at all is left to test, and no test fails on that."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[:, 1] = np.nan
    alarms = alarms_of(watch, rows)
    assert [(alarm.feature, alarm.kind, alarm.mean_shift) for alarm in alarms] == [("v:skewed", "nulls", None)]


def test_a_feature_that_was_all_null_in_training_is_named_when_it_appears() -> None:
    """A reference without a single value has no shape; its null rate is watched all the same."""
    rng = np.random.default_rng(0)
    rows = draw(rng, 5_000)
    rows[:, 0] = np.nan
    watch = ModelWatch("churn", "1", reference=Reference(NAMES, rows), settings=MonitorSettings(), random=Random(0))
    alarms = alarms_of(watch, draw(rng, 2_000))
    assert [(alarm.feature, alarm.kind) for alarm in alarms] == [("v:normal", "nulls")]


def test_a_constant_that_changes_is_named() -> None:
    """A feature without any spread in training has no σ, and still its change is seen."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    rows = draw(rng, 2_000)
    rows[:, FEATURES.index("v:fixed")] = 7.5
    assert {alarm.feature for alarm in alarms_of(watch, rows)} == {"v:fixed"}


def test_what_is_significant_and_small_does_not_alarm() -> None:
    """With 20,000 rows a shift of 0.1 σ is beyond doubt, and no reason to call anyone (D = 0.04)."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng, MonitorSettings(window_rows=20_000))
    rows = draw(rng, 20_000)
    rows[:, 0] += 0.4
    for offset, values in enumerate(rows.tolist()):
        watch.add(Row(0, offset, offset, tuple(values)))
    verdict = watch.flush()
    assert verdict is not None
    assert ("v:normal", "distribution") in {(f.feature, f.kind) for f in verdict.findings if f.significant}
    assert verdict.alarms == []


def test_a_batch_in_the_order_of_its_keys_is_not_drift() -> None:
    """23,570 rows of the reference's distribution, asked as of one instant and sorted: one window, no alarm."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    rows = draw(rng, 23_570)
    rows = rows[np.argsort(rows[:, 6])]
    assert alarms_of(watch, rows, as_of_us=7) == []
    assert watch.windows == 1


def test_the_same_batch_cut_in_slices_would_be() -> None:
    """Why batches are kept whole: each row as an instant of its own, the sorted batch alarms."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    rows = draw(rng, 23_570)
    rows = rows[np.argsort(rows[:, 6])]
    assert "v:waits" in {alarm.feature for alarm in alarms_of(watch, rows)}


def test_too_few_rows_are_not_judged() -> None:
    """A last window of 99 rows is no evidence of anything."""
    rng = np.random.default_rng(0)
    watch = make_watch(rng)
    assert alarms_of(watch, draw(rng, 99) + 100.0) == []
    assert watch.windows == 0


def test_a_report_can_be_made_again() -> None:
    """The same records give the same alarms, figure for figure."""
    runs = []
    for _ in range(2):
        rng = np.random.default_rng(3)
        watch = make_watch(rng)
        runs.append(alarms_of(watch, draw(rng, 3_000) * 1.2))
    assert runs[0] == runs[1] != []
