"""A backfill spread over a Dask cluster: the same arithmetic, a part of the entities at a time.

Workers read the lake's files themselves, a piece each, and split them by a hash of the entity. Whoever has a part of
all pieces folds the observations of its entities, and cuts the result into ranges of observations. So nothing but the
observations passes through the caller, and all events of an entity are seen by one backfill, in the order of the lake.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from features.backfill import ViewColumns, backfill, columns_used
from features.entity_parts import part_numbers
from features.erasure_key import read_erasure_key
from features.lake import Lake, Piece, declared_name, open_lake
from features.lake.rows import arrow_type, no_events
from features.nouns import Knowledge
from features.plan import EntityKeyPlan, Plan, SourcePlan, ViewPlan
from features.settings import Settings

PIECE_ROWS: Final = 1_000_000
"""Offsets of the lake that a worker reads at a time."""
PART_ROWS: Final = 4_000_000
"""Events of a part, in the mean: what a worker has in memory, if no entity has more by itself."""


class LakeSite(NamedTuple):
    """Where a lake is, as any process opens it; ``key`` finds those whom it has forgotten."""

    url: str
    key: bytes | None = None

    def open(self) -> Lake:
        """The lake."""
        return open_lake(self.url, lambda: self.key)


def site_of(settings: Settings, project: str) -> LakeSite:
    """The lake of a domain, for processes that know neither its settings nor its folder."""
    url = settings.lake_url(project)
    return LakeSite(url if "://" in url else str(Path(url).absolute()), read_erasure_key(settings, project))


class Asked(NamedTuple):
    """Observations of some entities: their numbers among all, ascending, their keys by name, their instants."""

    numbers: npt.NDArray[np.intp]
    keys: dict[str, npt.NDArray[Any]]
    at_us: npt.NDArray[np.int64]


class Folded(NamedTuple):
    """Features of some observations of one range, by view."""

    numbers: npt.NDArray[np.intp]
    views: dict[str, ViewColumns]


class Spread(NamedTuple):
    """How far the work is cut: where ranges of observations begin and end, and how many events a part has."""

    bounds: npt.NDArray[np.int64]
    part_rows: int = PART_ROWS


def fold_on_cluster(
    site: LakeSite,
    plan: Plan,
    pieces: Mapping[str, Sequence[Piece]],
    views: Sequence[ViewPlan],
    asked: Asked,
    spread: Spread,
    knowledge: Knowledge = "as_true",
) -> list[list[Any]]:
    """Plan the features of observations; nothing is computed yet.

    Parameters
    ----------
    site
        The lake, as workers reach it.
    plan, pieces
        The plan, and by topic what the lake holds (`features.lake.Lake.pieces`).
    views
        Views of one and the same entity that the same topics feed.
    asked
        All observations.
    spread
        How the work is cut.
    knowledge
        See `features.backfill.backfill`.

    Returns
    -------
    list of list
        Per range of observations the delayed `Folded` that make it up, in no order. Observations are part of the graph,
        which the scheduler keeps: what a worker takes with it when it dies, another makes anew.

    """
    from dask import delayed

    keys, columns, topics = views[0].keys, columns_used(views), views[0].topics
    found = [(plan.source(topic), piece) for topic in topics for piece in pieces[topic]]
    found.sort(key=lambda each: each[1].place.log)  # the order of `features.view_events.join_events`
    n_parts = max(1, -(-sum((piece.next or 0) - piece.first for _, piece in found) // spread.part_rows))
    splits = [
        delayed(split_piece, nout=n_parts, pure=False)(site, source, piece, columns, keys, n_parts)
        for source, piece in found
    ]
    fed = tuple((view, plan.source_of(view)) for view in views)
    nothing = of_history(no_events(plan.source(topics[0]), columns), columns)
    ranges: list[list[Any]] = [[] for _ in spread.bounds[1:]]
    for number, mine in _split_asked(plan.source(topics[0]), keys, asked, n_parts):
        events = [nothing, *(split[number] for split in splits)]
        folded = delayed(fold_part, nout=len(ranges), pure=False)(
            events, fed, delayed(mine, traverse=False), spread.bounds, knowledge
        )
        for at, of_range in enumerate(ranges):
            of_range.append(folded[at])
    return ranges


def split_piece(
    site: LakeSite,
    source: SourcePlan,
    piece: Piece,
    columns: set[str],
    keys: Sequence[EntityKeyPlan],
    n_parts: int,
) -> list[pa.Table]:
    """The valid events of a piece of the lake, by part, in order; those of no entity are left out."""
    events = of_history(site.open().read_piece(source, piece, columns), columns)
    numbers = part_numbers([events.column(declared_name(key.name)) for key in keys], n_parts)
    order, cuts = _by_part(numbers, n_parts)
    return [events.take(order[begin:end]) for begin, end in pairwise(cuts)]  # a slice would keep, and send, all


def fold_part(
    events: Sequence[pa.Table],
    fed: Sequence[tuple[ViewPlan, SourcePlan]],
    asked: Asked,
    bounds: npt.NDArray[np.int64],
    knowledge: Knowledge,
) -> list[Folded]:
    """Features of the observations of one part, by range of observations."""
    table = pa.concat_tables(events)
    columns = {
        view.name: backfill(view, source, table, asked.keys, asked.at_us, knowledge, threads=1) for view, source in fed
    }
    cuts = np.searchsorted(asked.numbers, bounds).tolist()
    return [
        Folded(asked.numbers[begin:end], {name: part.take(slice(begin, end)) for name, part in columns.items()})
        for begin, end in pairwise(cuts)
    ]


def join_folded(views: Sequence[ViewPlan], folded: Sequence[Folded], begin: int, end: int) -> dict[str, ViewColumns]:
    """Features of the observations from ``begin`` to ``end`` - 1, in their order."""
    columns = {view.name: ViewColumns.blank(view, end - begin) for view in views}
    for part in folded:
        for name, values in part.views.items():
            columns[name].put(part.numbers - begin, values)
    return columns


def of_history(events: pa.Table, columns: Collection[str]) -> pa.Table:
    """These declared columns and the times alone, in which all topics agree; the order of rows tells positions."""
    return events.select(["event_us", "kafka_us", *map(declared_name, sorted(columns))])


def _split_asked(
    source: SourcePlan, keys: Sequence[EntityKeyPlan], asked: Asked, n_parts: int
) -> list[tuple[int, Asked]]:
    """Observations by part; those of no entity are in the first."""
    columns = [
        pa.chunked_array([pa.array(asked.keys[key.name], from_pandas=True)]).cast(arrow_type(source.column(key.name)))
        for key in keys
    ]
    order, cuts = _by_part(np.maximum(part_numbers(columns, n_parts), 0), n_parts)
    found = []
    for number, (begin, end) in enumerate(pairwise(cuts)):
        rows = order[begin:end]
        if len(rows):
            mine = {key.name: asked.keys[key.name][rows] for key in keys}
            found.append((number, Asked(asked.numbers[rows], mine, asked.at_us[rows])))
    return found


def _by_part(numbers: npt.NDArray[np.int64], n_parts: int) -> tuple[npt.NDArray[np.intp], list[int]]:
    """Rows in the order of their parts, without those of none, and where each part begins and ends."""
    order = np.argsort(numbers, kind="stable")
    order = order[np.searchsorted(numbers[order], 0) :]
    return order, np.searchsorted(numbers[order], np.arange(n_parts + 1)).tolist()
