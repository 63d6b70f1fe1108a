"""The page ``eda_report.html``: self-contained, every picture inside."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from features.model_file import ModelSpec
from offline_training.dataset import Dataset
from offline_training.exploration.charts.canvas import COLOURS, data_uri
from offline_training.exploration.charts.column import draw_column, is_drawn_by_logarithm
from offline_training.exploration.charts.matrices import (
    draw_components,
    draw_correlations,
    draw_over_time,
    draw_scatter_matrix,
)
from offline_training.exploration.charts.time import draw_calendar, draw_medians
from offline_training.exploration.correlation import alike_together, close_pairs, rank_correlations
from offline_training.exploration.explored import Explored
from offline_training.exploration.importance import METHODS
from offline_training.exploration.parts import MOST_CORRELATED_ROWS, MOST_DRAWN_ROWS, sample
from offline_training.exploration.periods import Periods
from offline_training.exploration.profile import Duplicates, Profile
from offline_training.exploration.reduction import Components
from offline_training.exploration.target import Target, short_names
from offline_training.pages import render

Codes = npt.NDArray[np.intp]
Doubles = npt.NDArray[np.float64]

CLOSE: Final = 0.95
_MOST_PAIRS = 25
_SCATTERED = 5
_FOLLOWED = 6
_MOST_SHIFTED = 30
_MOST_LOADINGS = 5
_MOST_COMPONENTS = 4


class Looked(NamedTuple):
    """Everything that the page shows, but for what it draws itself; ``allowed`` are the rows before the test period."""

    explored: Explored
    data: Dataset
    target: Target
    allowed: Codes
    fit: Codes
    periods: Periods
    profiles: Sequence[Profile]
    duplicates: Duplicates
    components: Components | None
    stability: Doubles
    target_png: bytes
    ranking_png: bytes


def eda_page(looked: Looked, spec: ModelSpec) -> str:
    """HTML."""
    data = looked.data
    correlations = rank_correlations(data.rows[sample(np.arange(len(data.rows)), MOST_CORRELATED_ROWS, spec.seed)])
    pairs = close_pairs(correlations, CLOSE)
    return render(
        "eda_report.html",
        looked=looked,
        explored=looked.explored,
        first_at=data.first_at,
        last_at=data.last_at,
        null_share=float(np.isnan(data.rows).mean()),
        groups=list(zip(looked.target.groups, COLOURS, strict=False)),
        score_name="R²" if looked.target.is_value else "ROC AUC",
        methods=METHODS,
        target_image=data_uri(looked.target_png),
        ranking_image=data_uri(looked.ranking_png),
        tiles=list(_tiles(looked)),
        nulls=sorted((p for p in looked.profiles if p.null_share > 0.0), key=lambda p: -p.null_share),
        nulls_image=_nulls_over_time(looked),
        correlations_image=_correlations(data.names, correlations),
        pairs=[(data.names[a], data.names[b], value) for a, b, value in pairs[:_MOST_PAIRS]],
        n_pairs=len(pairs),
        close=CLOSE,
        correlated_rows=min(len(data.rows), MOST_CORRELATED_ROWS),
        scatter_image=_scatter(looked, spec.seed),
        drawn_rows=min(len(looked.allowed), MOST_DRAWN_ROWS),
        components_image=_components(looked, spec.seed),
        loadings=list(_loadings(looked)),
        calendar_image=_uri(draw_calendar(looked.target, data.at_us)),
        medians_image=_medians(looked),
        drift_image=_drift(looked),
        drift_shown=min(_MOST_SHIFTED, len(data.names)),
    )


def _tiles(looked: Looked) -> Iterator[dict[str, Any]]:
    """One a column, the best ranked first."""
    of_name = {profile.name: number for number, profile in enumerate(looked.profiles)}
    target = looked.target.part(looked.allowed)
    for place, ranked in enumerate(looked.explored.ranking, 1):
        number = of_name[ranked.feature]
        column = looked.data.rows[looked.allowed, number]
        yield {
            "place": place,
            "profile": looked.profiles[number],
            "recommended": ranked.feature in looked.explored.recommended,
            "logarithmic": is_drawn_by_logarithm(column),
            "image": _uri(draw_column(column, target)),
        }


def _uri(png: bytes | None) -> str | None:
    return None if png is None else data_uri(png)


def _correlations(names: Sequence[str], correlations: Doubles) -> str | None:
    if len(names) < 2:
        return None
    order = alike_together(correlations)
    short = short_names(names)
    return data_uri(draw_correlations([short[i] for i in order], correlations[np.ix_(order, order)]))


def _best(looked: Looked, most: int) -> list[int]:
    """Numbers of the best ranked columns that vary."""
    of_name = {name: number for number, name in enumerate(looked.data.names)}
    ranked = [of_name[one.feature] for one in looked.explored.ranking]
    return [number for number in ranked if looked.profiles[number].distinct > 1][:most]


def _scatter(looked: Looked, seed: int) -> str | None:
    """Of the best ranked columns, leaving out those that another one nearly equals."""
    data, best = looked.data, _best(looked, len(looked.data.names))
    some = sample(looked.allowed, MOST_DRAWN_ROWS, seed)
    correlations = np.abs(rank_correlations(data.rows[some]))
    chosen: list[int] = []
    for number in best:
        if all(correlations[number, other] < CLOSE for other in chosen) and np.isfinite(data.rows[some, number]).any():
            chosen.append(number)
        if len(chosen) == _SCATTERED:
            break
    if len(chosen) < 2:
        return None
    names = short_names(data.names)
    rows = data.rows[np.ix_(some, np.array(chosen))]
    return data_uri(draw_scatter_matrix([names[i] for i in chosen], rows, looked.target.part(some)))


def _components(looked: Looked, seed: int) -> str | None:
    found = looked.components
    if found is None or looked.explored.components_needed is None:
        return None
    shown = sample(np.arange(len(looked.fit)), MOST_DRAWN_ROWS, seed)
    target = looked.target.part(looked.fit[shown])
    needed, share = looked.explored.components_needed, looked.explored.threshold
    return data_uri(draw_components(found.explained, found.places[shown], target, needed, share))


def _loadings(looked: Looked) -> Iterator[tuple[int, float, list[tuple[str, float]]]]:
    """What the first components are made of."""
    found = looked.components
    if found is None:
        return
    for number, (share, loadings) in enumerate(zip(found.explained, found.loadings, strict=True), 1):
        if number > _MOST_COMPONENTS:
            return
        largest = np.argsort(-np.abs(loadings), kind="stable")[:_MOST_LOADINGS]
        yield number, float(share), [(looked.data.names[i], float(loadings[i])) for i in largest]


def _medians(looked: Looked) -> str | None:
    best = _best(looked, _FOLLOWED)
    if len(looked.periods.begins) < 2 or not best:
        return None
    names = short_names(looked.data.names)
    return data_uri(draw_medians([names[i] for i in best], looked.data.rows[:, best], looked.periods))


def _nulls_over_time(looked: Looked) -> str | None:
    nulls = np.isnan(looked.data.rows)
    chosen = np.flatnonzero(nulls.any(axis=0))
    if len(looked.periods.begins) < 2 or len(chosen) == 0:
        return None
    chosen = chosen[np.argsort(-nulls[:, chosen].mean(axis=0), kind="stable")][:_MOST_SHIFTED]
    counts = looked.periods.counts
    shares = [np.bincount(looked.periods.period_of, nulls[:, i], minlength=len(counts)) / counts for i in chosen]
    names = short_names(looked.data.names)
    png = draw_over_time(
        [names[i] for i in chosen],
        looked.periods.names,
        np.stack(shares),
        what="share of nulls",
        least=0.0,
        most=1.0,
        form="{:.0%}",
    )
    return data_uri(png)


def _drift(looked: Looked) -> str | None:
    if len(looked.periods.begins) < 2:
        return None
    order = np.argsort(-looked.stability.max(axis=1), kind="stable")[:_MOST_SHIFTED]
    names = short_names(looked.data.names)
    png = draw_over_time(
        [names[i] for i in order],
        looked.periods.names,
        looked.stability[order],
        what="population stability index",
        least=0.0,
        most=0.5,
        form="{:.2f}",
    )
    return data_uri(png)
