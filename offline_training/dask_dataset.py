"""A training set made on a Dask cluster, as a folder of Parquet files: the rows of the local one, in the same order.

Workers read the lake and write the files. Only observations (keys, time, label, request fields) pass through the
caller, which runs ``labels.sql`` over the events that workers put into Parquet files for it: DuckDB reads those piece
by piece, and spills what does not fit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from glob import escape
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.dask_cluster import compute_all
from features.dask_fold import PART_ROWS, PIECE_ROWS, Asked, Folded, LakeSite, Spread, fold_on_cluster, join_folded
from features.domain import Domain
from features.entities import UNKNOWN
from features.errors import RequestError, UnavailableError
from features.lake import Piece, declared_name
from features.lake.rows import table_schema
from features.model_file import ModelSpec
from features.nouns import Knowledge
from features.plan import Plan, SourcePlan, ViewPlan
from features.vector import Assembler
from offline_training.beside import Beside
from offline_training.dataset import (
    LeftOut,
    count_cut_off,
    newest_of,
    refuse_empty,
    refuse_protected,
    refuse_unknown,
)
from offline_training.dataset_table import Origin
from offline_training.observations import Observations, observe
from offline_training.scratch import scratch_folder
from offline_training.spread.table import write_blocks
from offline_training.training_table import training_table
from offline_training.vectors import assemble_vectors

if TYPE_CHECKING:
    from distributed import Client

RANGE_ROWS: Final = 250_000
"""Observations of an output file."""


Pieces: TypeAlias = Mapping[str, Sequence[Piece]]
"""What the lake holds of each topic, in pieces."""


class Sizes(NamedTuple):
    """How the work is cut; see `features.dask_fold`."""

    piece_rows: int = PIECE_ROWS
    part_rows: int = PART_ROWS
    range_rows: int = RANGE_ROWS


DEFAULT_SIZES: Final = Sizes()


class Recipe(NamedTuple):
    """What a vector is made by, as a worker makes its assembler from."""

    plan: Plan
    spec: ModelSpec
    functions: Mapping[str, Callable[..., Any]]

    def assembler(self) -> Assembler:
        """The scorer's own."""
        return Assembler(self.plan, self.spec.service, self.functions, self.spec.missing)


class Written(NamedTuple):
    """What was written, and what was not; ``beside`` is what is known of the rows and was not written."""

    n_rows: int
    left_out: LeftOut
    beside: Beside | None
    origin: Origin | None = None


class Part(NamedTuple):
    """What one file holds: ``kept`` numbers its observations; ``known`` says whether some of them knew any event."""

    kept: npt.NDArray[np.intp]
    n_refused: int
    known: bool


class ParquetTables:
    """Events in Parquet files, by topic; see `offline_training.observations.EventTables`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sql(self, sources: Sequence[SourcePlan]) -> duckdb.DuckDBPyConnection:
        """Connect DuckDB to them; it spills beside them."""
        connection = duckdb.connect(":memory:", config={"temp_directory": str(self._folder / "spilled")})
        connection.execute("SET TimeZone = 'UTC'")
        for source in sources:
            files = Path(escape(str(self._folder / source.topic)), "*.parquet")
            connection.read_parquet(str(files), hive_partitioning=False).create_view(source.topic)
        return connection


def write_dataset(
    client: Client,
    site: LakeSite,
    plan: Plan,
    domain: Domain,
    model: str,
    functions: Mapping[str, Callable[..., Any]],
    out: Path,
    events: Path,
    *,
    knowledge: Knowledge = "as_true",
    sizes: Sizes = DEFAULT_SIZES,
) -> Written:
    """Write the training set of a model as ``part-00000.parquet`` and so on; workers reach ``out`` as the caller does.

    The folder appears once it is whole. RequestError where there is something already. ``events`` is a folder for
    what `ParquetTables` reads, which stays.
    """
    if out.exists():
        raise RequestError("--out", f"{out} is there already", "a cluster writes a new folder: name another one")
    recipe = Recipe(plan, domain.models[model], dict(functions))
    assembler = recipe.assembler()
    refuse_protected(plan, recipe.spec.service, recipe.spec.not_for_inputs)
    out.parent.mkdir(parents=True, exist_ok=True)
    with scratch_folder(out.parent) as scratch:
        lake = site.open()
        pieces = {source.topic: lake.pieces(source.topic, sizes.piece_rows) for source in plan.sources}
        lake_end_us = _export(client, site, plan, pieces, events)
        observations = observe(
            ParquetTables(events),
            plan,
            domain,
            model,
            lake_end_us=lake_end_us,
            request_fields=assembler.request_fields,
        )
        n_cut_off = count_cut_off(lake, assembler.views, observations)
        observations = observations.slice(n_cut_off, len(observations.at_us))
        (scratch / "rows").mkdir()
        parts = _write_parts(client, site, recipe, pieces, observations, scratch / "rows", knowledge, sizes)
        if count_cut_off(lake, assembler.views, observations):
            raise UnavailableError("lake", "dropped records while they were read; run the command again")
        if knowledge == "as_known":
            refuse_unknown(any(part.known for part in parts))
        kept = np.concatenate([part.kept for part in parts])
        refuse_empty(len(kept))
        (scratch / "rows").rename(out)
    left_out = LeftOut(sum(part.n_refused for part in parts), n_cut_off)
    return Written(len(kept), left_out, observations.beside.take(kept), observations.origin)


def _export(client: Client, site: LakeSite, plan: Plan, pieces: Pieces, folder: Path) -> int:
    """Have workers put all events into Parquet files, a piece a file; the newest event time."""
    from dask import delayed

    tasks: list[Any] = []
    for source in plan.sources:
        (folder / source.topic).mkdir(parents=True)
        path = folder / source.topic / f"{0:06}.parquet"
        pq.write_table(_declared(source, table_schema(source).empty_table()), path)  # a topic may have no events
        tasks += [
            delayed(export_piece, pure=False)(site, source, piece, folder / source.topic / f"{number:06}.parquet")
            for number, piece in enumerate(pieces[source.topic], 1)
        ]
    return newest_of(newest for newest in compute_all(client, tasks) if newest is not None)


def export_piece(site: LakeSite, source: SourcePlan, piece: Piece, path: Path) -> int | None:
    """Write the declared columns of a piece's events; the newest event time, None where there is none."""
    events = site.open().read_piece(source, piece, [column.name for column in source.stored])
    pq.write_table(_declared(source, events), path)
    newest: int | None = pc.max(events["event_us"]).as_py()
    return newest


def _declared(source: SourcePlan, events: pa.Table) -> pa.Table:
    names = [column.name for column in source.stored]
    return events.select([declared_name(name) for name in names]).rename_columns(names)


def _write_parts(
    client: Client,
    site: LakeSite,
    recipe: Recipe,
    pieces: Pieces,
    observations: Observations,
    folder: Path,
    knowledge: Knowledge,
    sizes: Sizes,
) -> list[Part]:
    """Have workers fold every view, and write the vectors of each range of observations."""
    from dask import delayed

    views = recipe.assembler().views
    n = len(observations.at_us)
    spread = Spread(np.append(np.arange(0, n, sizes.range_rows), n), sizes.part_rows)
    ranges: list[list[Any]] = [[] for _ in spread.bounds[1:]]
    for group in _alike(views):
        asked = Asked(np.arange(n), observations.keys_of(group[0]), observations.at_us)
        folded = fold_on_cluster(site, recipe.plan, pieces, group, asked, spread, knowledge)
        for of_range, parts in zip(ranges, folded, strict=True):
            of_range += parts
    shared, tasks = delayed(recipe, traverse=False), []
    for number, (begin, end) in enumerate(pairwise(spread.bounds.tolist())):
        some = delayed(observations.slice(begin, end), traverse=False)
        path = folder / f"part-{number:05}.parquet"
        tasks.append(delayed(write_part, pure=False)(shared, views, ranges[number], some, begin, path, knowledge))
    return compute_all(client, tasks)


def write_part(
    recipe: Recipe,
    views: Sequence[ViewPlan],
    folded: Sequence[Folded],
    observations: Observations,
    begin: int,
    path: Path,
    knowledge: Knowledge,
) -> Part:
    """Write the vectors of one range of observations, which begins with that number."""
    n, assembler = len(observations.at_us), recipe.assembler()
    columns = join_folded(views, folded, begin, begin + n)
    rows, kept = assemble_vectors(assembler, observations.at_us, observations.request, columns)
    keys = {name: column.take(kept) for name, column in observations.keys.items()}
    at_us, labels = observations.at_us[kept], observations.labels[kept]
    table = training_table(assembler.names, rows, labels, at_us, keys, knowledge)
    write_blocks(table, path)
    known = any(bool((part.newest_us != UNKNOWN).any()) for part in columns.values())
    return Part(begin + kept, n - len(kept), known)


def _alike(views: Sequence[ViewPlan]) -> list[list[ViewPlan]]:
    """Views of one entity that the same topics feed: whose events are spread together."""

    def what(view: ViewPlan) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return view.topics, tuple(key.name for key in view.keys)

    return [list(group) for _, group in groupby(sorted(views, key=what), key=what)]
