"""The exploration of a training set: what a data scientist would look at before fitting anything."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np

from features.model_file import ModelSpec
from features.whole_file import replace_file
from offline_training.dataset import Dataset
from offline_training.exploration.charts.label import draw_target
from offline_training.exploration.charts.ranking import draw_importance
from offline_training.exploration.eda_report import Looked, eda_page
from offline_training.exploration.explored import FACTS, PAGE, RANKING, TARGET, Explored, Ranked, Shift
from offline_training.exploration.gains import fit_quick, score
from offline_training.exploration.importance import METHODS, Importance, Rows, importance
from offline_training.exploration.parts import parts_of
from offline_training.exploration.periods import Periods, periods_of, stability
from offline_training.exploration.profile import duplicates, profiles
from offline_training.exploration.recommendation import THRESHOLD, recommended
from offline_training.exploration.reduction import components
from offline_training.exploration.target import target_of
from offline_training.split import split_by_time

Say = Callable[[str], None]

_LARGEST = 1e30


def explore(model: str, spec: ModelSpec, data: Dataset, reports: Path, say: Say = lambda _: None) -> Explored:
    """Write ``eda_report.html``, ``target_analysis.png``, ``feature_importance.png`` and the facts.

    What is said of the label rests on the rows before the test period alone, so that choices made by it cheat no test.
    Where the facts are there already, they are of an earlier start of the same training, and nothing is drawn again.
    """
    facts = reports / FACTS
    if (before := _explored_before(facts)) is not None:
        return before
    began_s = time.perf_counter()
    data = data._replace(rows=_drawable(data.rows))
    reports.mkdir(parents=True, exist_ok=True)
    target = target_of(spec, data.labels)
    allowed = split_by_time(data.at_us, gap_us=spec.gap_us, span_us=spec.test_span_us).earlier
    allowed = allowed if len(allowed) else np.arange(len(data.at_us))
    parts = parts_of(target, data.at_us, allowed, spec.seed)

    say(f"exploring {len(data.names)} features: how much each has to do with the label")
    rows = Rows(data.rows[parts.fit], target.part(parts.fit), data.rows[parts.later], target.part(parts.later))
    quick = fit_quick(rows.fit, rows.fit_target, spec.seed)
    found = importance(data.names, rows, quick, spec.seed)
    kept = recommended(found)
    fewer = fit_quick(rows.fit[:, kept], rows.fit_target, spec.seed)
    (reports / RANKING).write_bytes(draw_importance(found, frozenset(kept)))

    say("exploring: distributions, correlations, missing values, drift")
    periods = periods_of(data.at_us, timed=data.timed)
    (reports / TARGET).write_bytes(draw_target(target, periods))
    reduced = components(rows.fit)
    shifts = stability(data.rows, periods)
    explored = Explored(
        model=model,
        rows=len(data.at_us),
        fit_rows=len(parts.fit),
        later_rows=len(parts.later),
        ranking=_ranking(found),
        recommended=tuple(data.names[number] for number in kept),
        threshold=THRESHOLD,
        score_of_all=score(quick, rows.later, rows.later_target),
        score_of_recommended=score(fewer, rows.later[:, kept], rows.later_target),
        components_needed=None if reduced is None else reduced.needed(THRESHOLD),
        shifts=_shifts(data.names, shifts, periods),
        seconds=0.0,
    )
    looked = Looked(
        explored=explored,
        data=data,
        target=target,
        allowed=allowed,
        fit=parts.fit,
        periods=periods,
        profiles=profiles(data.names, data.rows),
        duplicates=duplicates(data.names, data.rows),
        components=reduced,
        stability=shifts,
        target_png=(reports / TARGET).read_bytes(),
        ranking_png=(reports / RANKING).read_bytes(),
    )
    say("exploring: drawing the report")
    (reports / PAGE).write_text(eda_page(looked, spec), encoding="utf-8")
    explored = msgspec.structs.replace(explored, seconds=round(time.perf_counter() - began_s, 3))
    replace_file(facts, msgspec.json.format(msgspec.json.encode(explored), indent=2))
    return explored


def _explored_before(facts: Path) -> Explored | None:
    """What an earlier start found; None where there was none, or what it found is no number."""
    try:
        return msgspec.json.decode(facts.read_bytes(), type=Explored)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _drawable(rows: np.ndarray) -> np.ndarray:
    """Infinite values as null, and none that a float of 32 bits cannot hold: forests compare those."""
    return np.clip(np.where(np.isinf(rows), np.nan, rows), -_LARGEST, _LARGEST)


def _ranking(found: Importance) -> tuple[Ranked, ...]:
    return tuple(
        Ranked(
            feature=found.names[number],
            mean_rank=float(found.mean_ranks[number]),
            share=float(found.shares[number]),
            values=dict(zip(METHODS, found.values[:, number].tolist(), strict=True)),
        )
        for number in found.order.tolist()
    )


def _shifts(names: tuple[str, ...], shifts: np.ndarray, periods: Periods) -> tuple[Shift, ...]:
    worst = shifts.argmax(axis=1)
    order = np.argsort(-shifts.max(axis=1), kind="stable")
    return tuple(
        Shift(
            feature=names[number],
            period=periods.names[worst[number]],
            stability_index=round(float(shifts[number, worst[number]]), 6),
        )
        for number in order.tolist()
    )
