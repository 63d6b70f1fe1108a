"""Arms that predict values compared: by the mean of what came, and by squared errors."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import numpy as np
import pytest

from features.errors import DomainError
from features.nouns import ScoreRecord
from features.routing import CHALLENGER, CHAMPION, SHADOW
from offline_training.comparison.mean_lift import lift_of_means
from offline_training.comparison.report import ValuesExperiment, ValuesQuality, ValuesShadowReport
from offline_training.comparison.sample_mean import SampleMean, asymptotic_mean
from tests.offline_training.comparison.test_compare import ROUTING, compared, labels, record
from tests.offline_training.small_domain import LABELS, PARTS_TO_COME, SmallDomain, small_domain

MACHINES = 300


def valued(folder: Path, machines: int = MACHINES, labels: str = PARTS_TO_COME) -> SmallDomain:
    """A domain that learns how much machines will make."""
    return small_domain(folder, machines=machines, labels=labels, task="regression", decision=None)


def asked(machines: int = MACHINES) -> list[ScoreRecord]:
    """Every machine asked on two days, and answered as it is routed, the challenger's answers being higher."""
    rng = np.random.default_rng(8)
    records = []
    for day in (21, 27):
        for number in range(machines):
            machine = f"m{number}"
            arm = ROUTING.arm(ROUTING.key({"machine": machine}, ""))
            version, above = ("2", 40.0) if arm == CHALLENGER else ("1", 0.0)
            records.append(record(machine, day, arm, version, above + float(rng.normal(50, 20)), decision=""))
    return records


def test_the_experiment_compares_the_means_of_what_came_first_to_each_key(tmp_path: Path) -> None:
    """Each key counts once; where nobody is moved, arms do not differ, and the interval says so."""
    small = valued(tmp_path)
    records, known = asked(), labels(small)
    outcomes: dict[str, list[float]] = {CHAMPION: [], CHALLENGER: []}
    for each in records[:MACHINES]:
        machine = str(each.entity["machine"])
        days = [day for day in (25, 30) if (machine, day) in known]  # of 27, where there was none of 21
        if days:
            outcomes[each.arm].append(known[machine, days[0]])
    report = compared(small, records)
    experiment = report.experiment
    assert isinstance(experiment, ValuesExperiment)
    samples = {arm: SampleMean.of(np.array(theirs)) for arm, theirs in outcomes.items()}
    assert experiment.units == {arm: len(theirs) for arm, theirs in outcomes.items()}
    assert experiment.outcome_means == pytest.approx({arm: np.mean(theirs) for arm, theirs in outcomes.items()})
    expected = lift_of_means(samples[CHAMPION], samples[CHALLENGER])
    assert experiment.lift is not None
    assert expected is not None
    assert experiment.lift.difference.value == pytest.approx(expected.difference.value)
    assert experiment.lift.p_value == pytest.approx(expected.p_value)
    assert experiment.lift.difference.low < 0 < experiment.lift.difference.high
    assert experiment.lift.relative is not None
    assert any(line.startswith("  lift since 2024-01-22 00:00: ") for line in report.lines())
    assert any("always-valid p" in line for line in report.lines())


def test_an_arm_is_judged_by_errors_and_bias(tmp_path: Path) -> None:
    """Of its last score before each observation."""
    small = valued(tmp_path, machines=60)
    known = labels(small)
    report = compared(small, [record(f"m{n}", 24, CHAMPION, score=float(n), decision="") for n in range(60)])
    (arm,) = report.arms
    errors = np.array([n - known[f"m{n}", 25] for n in range(60) if (f"m{n}", 25) in known])
    quality = arm.quality
    assert arm.outcomes == len(errors) > 30
    assert isinstance(quality, ValuesQuality)
    assert quality.bias is not None
    assert quality.mae is not None
    assert quality.rmse is not None
    figures = [quality.bias.value, quality.mae.value, quality.rmse.value]
    assert figures == pytest.approx([errors.mean(), np.abs(errors).mean(), math.sqrt((errors**2).mean())])
    assert any("RMSE" in line and "R²" in line for line in report.lines())


def test_a_shadow_is_held_against_the_answer_by_squared_errors(tmp_path: Path) -> None:
    """One that knows what comes is better than any answer; values have no decisions to agree on."""
    small = valued(tmp_path)
    known = labels(small)
    rng = np.random.default_rng(9)
    answers, shadows, gains = [], [], []
    for number in range(MACHINES):
        if (came := known.get((f"m{number}", 25))) is not None:
            off = float(rng.uniform(20, 30))
            answers.append(record(f"m{number}", 24, CHAMPION, score=came + off, decision=""))
            shadows.append(record(f"m{number}", 24, SHADOW, "3", score=came + 10, decision=""))
            gains.append(10**2 - off**2)
    report = compared(small, [*answers, *shadows])
    shadow = report.shadow
    assert isinstance(shadow, ValuesShadowReport)
    assert (shadow.version, shadow.pairs, shadow.outcomes, shadow.needed) == ("3", len(gains), len(gains), 100)
    found, expected = shadow.squared_error_difference, asymptotic_mean(SampleMean.of(np.array(gains)))
    assert found is not None
    assert expected is not None
    assert (found.low, found.value, found.high) == pytest.approx((expected.low, expected.value, expected.high))
    assert found.high < 0
    assert shadow.mean_absolute_difference == pytest.approx(15, abs=1)
    assert any("squared error difference" in line for line in report.lines())
    assert not hasattr(shadow, "agreement")


def test_before_there_are_enough_outcomes_no_lift_is_told(tmp_path: Path) -> None:
    """But how many it takes is."""
    report = compared(valued(tmp_path, machines=60), asked(60))
    experiment = report.experiment
    assert isinstance(experiment, ValuesExperiment)
    assert experiment.lift is None
    assert min(needed or 0 for needed in experiment.needed.values()) >= 100
    assert any("unknown yet (champion" in line for line in report.lines())
    assert any("needed: champion 1" in line for line in report.lines())


def test_both_arms_need_what_the_more_skewed_asks_for(tmp_path: Path) -> None:
    """The other may not have seen yet what is rare."""
    report = compared(valued(tmp_path, labels=PARTS_TO_COME.replace("sum(parts)", "sum(parts) ** 8")), asked())
    experiment = report.experiment
    assert isinstance(experiment, ValuesExperiment)
    champion, challenger = (experiment.needed[arm] for arm in (CHAMPION, CHALLENGER))
    assert champion == challenger
    assert champion is not None
    assert champion > 100


def test_outcomes_that_are_all_alike_tell_of_no_spread(tmp_path: Path) -> None:
    """However many: an interval without width would be false."""
    report = compared(valued(tmp_path, labels=PARTS_TO_COME.replace("sum(parts)", "0.1 + 0 * count(*)")), asked())
    experiment = report.experiment
    assert isinstance(experiment, ValuesExperiment)
    assert (experiment.lift, set(experiment.needed.values())) == (None, {None})
    assert any("needed: champion outcomes that differ" in line for line in report.lines())


def test_scores_beyond_squares_are_told_as_far_as_numbers_go(tmp_path: Path) -> None:
    """A version gone wild is seen, and what it did to others is not."""
    small = valued(tmp_path, machines=60)
    answers = [record(f"m{n}", 24, CHAMPION, score=50.0, decision="") for n in range(60)]
    wild = [record(f"m{n}", 24, SHADOW, "3", score=1e300, decision="") for n in range(60)]
    report = compared(small, [*answers, *wild])
    of_champion, of_shadow = (arm.quality for arm in report.arms)
    assert isinstance(of_champion, ValuesQuality)
    assert isinstance(of_shadow, ValuesQuality)
    assert of_champion.rmse is not None
    assert (of_shadow.rmse, of_shadow.r2) == (None, None)
    assert of_shadow.bias is not None
    assert of_shadow.bias.value == pytest.approx(1e300)
    assert isinstance(report.shadow, ValuesShadowReport)
    assert (report.shadow.squared_error_difference, report.shadow.needed) == (None, None)
    assert report.shadow.mean_score_difference == pytest.approx(1e300)
    assert b"inf" not in msgspec.json.encode(report).lower()
    assert all(len(line) < 200 for line in report.lines())


def test_errors_that_differ_by_more_than_a_number_holds_are_not_told(tmp_path: Path) -> None:
    """Each of them is one, but not what lies between them."""
    small = valued(tmp_path, machines=60)
    arms = [(SHADOW, "3"), (CHAMPION, "1")]
    records = [
        record(f"m{n}", 24, arm, version, score=1.3e154 if (n + place) % 2 else 0.0, decision="")
        for n in range(60)
        for place, (arm, version) in enumerate(arms)
    ]
    shadow = compared(small, records).shadow
    assert isinstance(shadow, ValuesShadowReport)
    assert shadow.outcomes > 30
    assert (shadow.squared_error_difference, shadow.needed) == (None, None)


def test_a_shadow_that_is_the_champion_does_not_ask_for_other_outcomes(tmp_path: Path) -> None:
    """They differ: it is the errors of both that do not."""
    small = valued(tmp_path, machines=60)
    answers = [record(f"m{n}", 24, CHAMPION, score=float(n), decision="") for n in range(60)]
    report = compared(small, [*answers, *(msgspec.structs.replace(each, arm=SHADOW, version="3") for each in answers)])
    assert isinstance(report.shadow, ValuesShadowReport)
    assert report.shadow.mean_absolute_difference == 0
    assert any(line.startswith("    squared error difference unknown yet (") for line in report.lines())


@pytest.mark.parametrize("label", ["'nan'::DOUBLE", "'inf'::DOUBLE", "1e300"])
def test_a_label_that_is_no_value_is_refused(tmp_path: Path, label: str) -> None:
    """Where it is, before anything is computed of it."""
    small = valued(
        tmp_path,
        machines=60,
        labels=LABELS.replace("(NOT EXISTS (", f"(SELECT {label} WHERE EXISTS (", 1).replace(
            ")) AS", ") OR true) AS", 1
        ),
    )
    with pytest.raises(DomainError, match=r"labels.sql: label: (holds NaN or infinity|is beyond 1e\+100)"):
        compared(small, [record("m1", 24, CHAMPION, decision="")])
