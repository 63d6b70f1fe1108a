"""Arms compared: records of the lake held against labels, as a walk over them one by one does."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from features.decode import Decoder
from features.errors import LakeCorruptError
from features.lake import LakeBatch, open_lake
from features.nouns import SCORES_SOURCE, ScoreRecord
from features.routing import CHALLENGER, CHAMPION, SHADOW, Arm, Routing
from features.transforms import load_transforms
from offline_training.comparison import ComparisonReport, Scope, compare
from offline_training.observations import observe
from tests.offline_training.small_domain import DAY_US, LABELS, LOG, N_DAYS, START, SmallDomain, small_domain

START_US = int(START.timestamp()) * 1_000_000
ROUTING = Routing(challenger=0.5, salt="test")


@pytest.fixture
def small(tmp_path: Path) -> SmallDomain:
    """Sixty machines, seen every five days from day 20 on."""
    return small_domain(tmp_path)


def record(machine: str, day: float, arm: Arm, version: str = "1", score: float = 0.5, **fields: Any) -> ScoreRecord:
    """A score as of a day, made then."""
    at_us = START_US + round(day * DAY_US)
    given: dict[str, Any] = {
        "request_id": f"{machine}-{day}",
        "scored_at": START + timedelta(days=day),
        "as_of_us": at_us,
        "model": "standstill",
        "version": version,
        "digest": "d",
        "arm": arm,
        "plan_hash": "p",
        "service": "standstill",
        "entity": {"machine": machine},
        "views": (),
        "features": (),
        "vector": (),
        "raw_score": 0.0,
        "score": score,
        "decision": "stands" if score >= 0.5 else "runs",
    }
    return ScoreRecord(**(given | fields))


def write(small: SmallDomain, values: list[bytes]) -> None:
    """Put records into the lake."""
    kafka_us = [START_US + N_DAYS * DAY_US] * len(values)
    decoded = Decoder(SCORES_SOURCE).decode(values, kafka_us)
    lake = open_lake(small.settings.lake_url("machines"))
    lake.append(SCORES_SOURCE, LOG, 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))


def compared(small: SmallDomain, records: Iterable[ScoreRecord], **scope: Any) -> ComparisonReport:
    """Write records and compare."""
    write(small, [msgspec.json.encode(each) for each in records])
    lake = open_lake(small.settings.lake_url("machines"))
    functions = load_transforms(small.domain.repo, sha256=small.plan.transforms_sha256)
    return compare(lake, small.plan, small.domain, "standstill", functions, Scope(**{"within_us": 10 * DAY_US} | scope))


def labels(small: SmallDomain) -> dict[tuple[str, int], float]:
    """What labels.sql says, by machine and day."""
    lake = open_lake(small.settings.lake_url("machines"))
    lake_end_us = START_US + N_DAYS * DAY_US
    found = observe(
        lake, small.plan, small.domain, "standstill", lake_end_us=lake_end_us, request_fields={"shift": "float64"}
    )
    days = (found.at_us - START_US) // DAY_US
    who = zip(found.keys["machine"].to_pylist(), days.tolist(), strict=True)
    return dict(zip(who, found.labels.tolist(), strict=True))


def sticky_records() -> list[ScoreRecord]:
    """Every machine asked on days 21 to 60, three days apart, and answered as it is routed."""
    rng = np.random.default_rng(6)
    asked = []
    for day in range(21, 60, 3):
        for number in range(60):
            machine = f"m{number}"
            arm = ROUTING.arm(ROUTING.key({"machine": machine}, ""))
            asked.append(record(machine, day, arm, "2" if arm == CHALLENGER else "1", float(rng.random())))
    return asked


def test_the_experiment_counts_each_key_once_by_its_first_outcome(small: SmallDomain) -> None:
    """An outcome is that of the first observation at or after the score; keys without one wait."""
    records = sticky_records()
    report, known = compared(small, records), labels(small)
    first: dict[str, tuple[Arm, float]] = {}
    for each in records:
        machine = str(each.entity["machine"])
        day = (each.as_of_us - START_US) // DAY_US
        later = [d for m, d in known if m == machine and day <= d <= day + 10]
        if later:
            first.setdefault(machine, (each.arm, known[machine, min(later)]))  # type: ignore[arg-type]
    assert report.experiment is not None
    for arm in (CHAMPION, CHALLENGER):
        outcomes = [label for theirs, label in first.values() if theirs == arm]
        assert (report.experiment.units[arm], report.experiment.positives[arm]) == (len(outcomes), sum(outcomes))
        assert len(outcomes) > 10
    assert report.experiment.lift.difference.low < 0 < report.experiment.lift.difference.high


def test_a_key_that_was_moved_stays_where_it_began(small: SmallDomain) -> None:
    """It is counted for the arm that answered it first, and once."""
    moved = [record("m1", 21, CHAMPION), record("m2", 21, CHALLENGER, "2"), record("m1", 22, CHALLENGER, "2")]
    experiment = compared(small, moved).experiment
    assert experiment is not None
    assert experiment.units == {CHAMPION: 1, CHALLENGER: 1}


def test_only_what_both_newest_versions_answered_beside_each_other_counts(small: SmallDomain) -> None:
    """Scores of versions before, and of the champion before there was this challenger, are left out of the lift."""
    before = [record(f"m{number}", 20 + number / 100, CHAMPION) for number in range(10)]
    older = [record(f"m{number}", 21, CHALLENGER, "7") for number in range(10, 20)]
    both = [record("m30", 22.5, CHALLENGER, "8"), record("m31", 23, CHAMPION), record("m32", 23, CHAMPION)]
    report = compared(small, [*before, *older, *both])
    assert report.experiment is not None
    assert (report.experiment.champion, report.experiment.challenger) == ("1", "8")
    assert report.experiment.units == {CHAMPION: 2, CHALLENGER: 1}
    assert [(arm.arm, arm.version, arm.records) for arm in report.arms] == [
        ("champion", "1", 12), ("challenger", "7", 10), ("challenger", "8", 1)
    ]  # fmt: skip


def test_an_arm_is_judged_by_its_last_score_before_each_observation(small: SmallDomain) -> None:
    """Each observation is held against one score of an arm, whatever was asked in between."""
    known = labels(small)
    asked = [record(f"m{n}", day, CHAMPION, score=score) for n in range(60) for day, score in ((21, 0.9), (24, 0.25))]
    (arm,) = compared(small, asked).arms
    outcomes = np.array([known[f"m{n}", 25] for n in range(60) if (f"m{n}", 25) in known])
    assert (arm.records, arm.units, arm.outcomes) == (120, 60, len(outcomes))
    assert arm.quality is not None
    assert arm.quality.brier.value == pytest.approx(((0.25 - outcomes) ** 2).mean())
    assert arm.quality.outcome_rate.value == pytest.approx(outcomes.mean())


def test_a_shadow_is_held_against_the_answer_to_the_same_request(small: SmallDomain) -> None:
    """Request by request, also where an id was used for two entities; one that was never answered is no pair."""
    known = labels(small)
    answers = [record(f"m{n}", 24, CHAMPION, score=0.6, request_id="same") for n in range(60)]
    shadows = [
        record(f"m{n}", 24, SHADOW, "3", score=known.get((f"m{n}", 25), 0.0), request_id="same") for n in range(60)
    ]
    report = compared(small, [*answers, *shadows, record("m1", 30, SHADOW, "3")])
    assert report.experiment is None
    shadow = report.shadow
    assert shadow is not None
    assert (shadow.version, shadow.pairs) == ("3", 60)
    outcomes = [label for (_, day), label in known.items() if day == 25]
    assert shadow.outcomes == len(outcomes)
    assert shadow.agreement == pytest.approx(np.mean([known.get((f"m{n}", 25), 0.0) for n in range(60)]))
    assert shadow.brier_difference is not None
    assert shadow.brier_difference.value == pytest.approx(-np.mean([(0.6 - label) ** 2 for label in outcomes]))
    assert shadow.brier_difference.high <= 1


def test_of_several_classes_an_outcome_is_whether_the_one_decided_on_came(tmp_path: Path) -> None:
    """Rates are of right decisions then; how wrong a score was is told over the probabilities of all classes."""
    names = ["runs", "stands", "slow"]
    by_number = LABELS.replace("(NOT EXISTS (", "CASE WHEN machine < 'm3' THEN 'slow' WHEN NOT EXISTS (", 1)
    by_number = by_number.replace(")) AS label", ") THEN 'stands' ELSE 'runs' END AS label", 1)
    small = small_domain(tmp_path, labels=by_number, task="multiclass", classes=names, decision=None)
    known = labels(small)
    assert set(known.values()) == {0.0, 1.0, 2.0}
    rng = np.random.default_rng(4)
    records: list[ScoreRecord] = []
    right: dict[str, list[bool]] = {CHAMPION: [], CHALLENGER: [], SHADOW: []}
    wrong: dict[str, list[float]] = {CHAMPION: [], CHALLENGER: [], SHADOW: []}

    def scored(number: int, arm: Arm, version: str) -> None:
        chances = rng.dirichlet([1.0, 1.0, 1.0])
        best, machine = int(chances.argmax()), f"m{number}"
        given = {"decision": names[best], "classes": tuple(names), "scores": tuple(chances.tolist())}
        records.append(record(machine, 24, arm, version, float(chances[best]), **given))
        if (machine, 25) in known:
            came = int(known[machine, 25])
            right[arm].append(best == came)
            wrong[arm].append(float(((chances - np.eye(3)[came]) ** 2).sum()))

    for number in range(60):
        scored(number, *((CHALLENGER, "2") if number % 2 else (CHAMPION, "1")))
        scored(number, SHADOW, "3")
    report = compared(small, records)

    assert report.experiment is not None
    for arm in report.arms:
        assert arm.quality is not None
        assert arm.quality.outcome_rate.value == pytest.approx(np.mean(right[arm.arm]))
        assert arm.quality.brier.value == pytest.approx(np.mean(wrong[arm.arm]))
    for each in (CHAMPION, CHALLENGER):
        assert (report.experiment.units[each], report.experiment.positives[each]) == (
            len(right[each]),
            sum(right[each]),
        )
        assert 0 < sum(right[each]) < len(right[each])
    lift = np.mean(right[CHALLENGER]) - np.mean(right[CHAMPION])
    assert report.experiment.lift.difference.value == pytest.approx(lift)
    assert report.shadow is not None
    assert report.shadow.brier_difference is not None
    answered = sum(wrong[CHAMPION]) + sum(wrong[CHALLENGER])
    gain = (sum(wrong[SHADOW]) - answered) / len(wrong[SHADOW])
    assert report.shadow.brier_difference.value == pytest.approx(gain)


def test_scope_bounds_what_is_compared(small: SmallDomain) -> None:
    """By when a score was made, and how long after it an observation may begin."""
    records = [record("m1", 21, CHAMPION), record("m2", 24, CHAMPION), record("m3", 30, CHAMPION)]
    (soon,) = compared(small, records, within_us=DAY_US, since_us=START_US + 22 * DAY_US).arms
    assert (soon.records, soon.outcomes) == (2, 2)


def test_records_without_an_entity_are_counted_apart(small: SmallDomain) -> None:
    """They were made from vectors of the caller, and no outcome is theirs; other models' are none of ours."""
    alone = record("m1", 24, CHAMPION, entity={}, source="supplied")
    other = record("m1", 24, CHAMPION, model="another")
    report = compared(small, [alone, other, record("m2", 24, CHAMPION)])
    assert (report.skipped, [arm.records for arm in report.arms]) == (1, [1])
    assert any("champion 1: 1 records" in line for line in report.lines())


def test_nothing_recorded_is_nothing_compared(small: SmallDomain) -> None:
    """An empty report, not an error; people are told why it is empty."""
    report = compared(small, [record("m1", 24, CHAMPION, entity={}, source="supplied")])
    assert (report.arms, report.experiment, report.shadow) == ((), None, None)
    assert list(report.lines())[1:] == ["  no score to compare (1 records name no entity of the model)"]


def test_a_record_that_is_none_is_named(small: SmallDomain) -> None:
    """With its place in the lake."""
    row = {"scored_at": "2024-02-01T00:00:00Z", "request_id": "x", "model": "standstill", "version": "1", "arm": "a"}
    write(small, [msgspec.json.encode({**row, "as_of_us": 1, "score": 0.5, "decision": "d"})])
    lake = open_lake(small.settings.lake_url("machines"))
    functions = load_transforms(small.domain.repo, sha256=small.plan.transforms_sha256)
    with pytest.raises(LakeCorruptError, match=f"{LOG}/0/0: is no score record"):
        compare(lake, small.plan, small.domain, "standstill", functions, Scope(within_us=DAY_US))
