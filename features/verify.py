"""Proves what was served: every recorded vector again, from the lake, by the backfill's arithmetic, bit for bit.

A record names the positions of the states that it was computed from. Its features are the fold of the entity's
lake rows at or below those positions, finished at the record's instant. The stream's kernel has no part in this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from features.backfill import columns_used
from features.judge import Judge
from features.key_sample import KeySample
from features.lake import Finding as LakeFinding
from features.lake import Lake, declared_name
from features.lake_reach import Horizons, LakeEnds
from features.nouns import KeyValue, ScoreRecord, Struct
from features.plan import EntityKeyPlan, Plan, SourcePlan, content_hash
from features.prover import Mismatch, Prover
from features.score_records import read_records, sample_records

CHUNK = 20_000
"""Records that are folded together: bounds memory."""


class VerifyReport(Struct, frozen=True, kw_only=True):
    """What a run of the verifier found.

    ``waiting`` counts records whose positions the lake does not cover yet, ``supplied`` those whose vector came with
    the request; neither is checked. ``defaulted`` counts checked records that were made without the store: that their
    vector is what the model's policy gives then, and that they say so, is all that can be proven of them.
    ``unseen`` counts checked records that are proven for the events they name, but
    lack one that had long been in Kafka: the stream was behind, or the store had lost a state. ``rescored`` counts
    those whose model was at hand and was run again on the recorded vector. ``erased`` counts those that cannot be
    proven any more, because events of an entity forgotten since had gone into them, ``expired`` those that look back
    on records which the lake has dropped; neither is checked. ``causes`` counts the mismatches by cause,
    ``mismatches`` shows the first.
    """

    records: int
    checked: int
    mismatched: int
    waiting: int
    supplied: int
    defaulted: int
    unseen: int
    rescored: int
    erased: int
    expired: int
    causes: dict[str, int]
    lake_faults: tuple[str, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def proven(self) -> bool:
        """Whether something was checked and nothing was wrong."""
        return self.checked > 0 and self.mismatched == 0 and not self.lake_faults


def verify(
    lake: Lake,
    judge: Judge,
    *,
    sample: KeySample | None = None,
    shown: int = 20,
    progress: Callable[[int], None] = lambda _: None,
) -> VerifyReport:
    """Prove the score records of the lake.

    Parameters
    ----------
    lake
        Holds the records (topic ``millstream.scores``) and the events that they stand on.
    judge
        Plan, request-time functions, and the missing-value policy of each record's model.
    sample
        Check the newest records of these entities only, which are drawn from all; then no more of the lake is in memory
        than they need, and one file. The lake itself is checked for gaps, and for the rest once a record does not
        agree. None: check every record, and all of the lake.
    shown
        How many mismatches to describe.
    progress
        Called with the number of records done, after each chunk.

    Returns
    -------
    VerifyReport
        Counts, the first mismatches, and the faults of the lake itself (gaps, doubled or changed rows).

    """
    records = list(read_records(lake)) if sample is None else sample_records(lake, sample)
    ours = [record for record in records if record.source != "supplied"]
    parts = _parts_of(lake, judge, ours)
    n_kept, n_ready = sum(part.n_kept for part in parts), sum(len(part.ready) for part in parts)
    faults = _LakeFaults(lake, _sources_of([judge, *(part.judge for part in parts)]))
    if sample is None:
        faults.all()
    whole: dict[tuple[str, frozenset[str]], pa.Table] = {}
    causes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    mismatches: list[Mismatch] = []
    for part in parts:
        tables = _tables_of(lake, part.judge.plan, None if sample is None else part.ready, whole)
        prover = Prover(part.judge, tables, faults.all, lake.erasures())
        for begin in range(0, len(part.ready), CHUNK):
            chunk = part.ready[begin : begin + CHUNK]
            for mismatch in prover.mismatches(chunk):
                causes[mismatch.cause] += 1
                mismatches.append(mismatch)
            counts["done"] += len(chunk)
            progress(counts["done"])
        counts.update(unseen=prover.unseen, rescored=prover.rescored, erased=prover.erased)
    return VerifyReport(
        records=len(records),
        checked=n_ready - counts["erased"],
        mismatched=sum(causes.values()),
        waiting=n_kept - n_ready,
        supplied=len(records) - len(ours),
        defaulted=sum(record.source == "defaulted" for part in parts for record in part.ready),
        unseen=counts["unseen"],
        rescored=counts["rescored"],
        erased=counts["erased"],
        expired=len(ours) - n_kept,
        causes=dict(causes),
        lake_faults=tuple(str(fault) for fault in faults.known[:shown]),
        mismatches=tuple(mismatches[:shown]),
    )


class _Part(NamedTuple):
    """Records that one plan made: those that the lake covers, and how many of its records look back on what is kept."""

    judge: Judge
    n_kept: int
    ready: list[ScoreRecord]


def _parts_of(lake: Lake, judge: Judge, records: Sequence[ScoreRecord]) -> list[_Part]:
    """Records by the plan that made them."""
    by_plan: dict[str, list[ScoreRecord]] = {}
    for record in records:
        by_plan.setdefault(judge.of(record).plan.hash, []).append(record)
    parts = []
    for theirs in by_plan.values():
        one = judge.of(theirs[0])
        ends, horizons = LakeEnds(lake), Horizons(lake, one.plan)
        kept = [record for record in theirs if not horizons.cut_off(record)]
        parts.append(_Part(one, len(kept), [record for record in kept if ends.cover(record, one.plan)]))
    return parts


def _sources_of(judges: Sequence[Judge]) -> list[SourcePlan]:
    """Every source that some plan reads, each topic once: as the first of them declares it."""
    sources: dict[str, SourcePlan] = {}
    for judge in judges:
        for source in judge.plan.sources:
            sources.setdefault(source.topic, source)
    return list(sources.values())


def _tables_of(
    lake: Lake, plan: Plan, only: Sequence[ScoreRecord] | None, whole: dict[tuple[str, frozenset[str]], pa.Table]
) -> dict[str, pa.Table]:
    """Events of each topic as a plan declares them; of these records alone, or all, which plans share that agree."""
    tables = {}
    for source in plan.sources:
        columns = columns_used(plan.views_of(source.topic))
        if only is not None:
            tables[source.topic] = lake.read(source, keep=_events_of(only, plan, source), columns=columns)
            continue
        read = (content_hash(source), frozenset(columns))
        if read not in whole:
            whole[read] = lake.read(source, columns=columns)
        tables[source.topic] = whole[read]
    return tables


def _events_of(records: Sequence[ScoreRecord], plan: Plan, source: SourcePlan) -> Callable[[pa.Table], pa.Table]:
    """Keeps the events of the records' entities, and perhaps a few others where a view has several keys."""
    wanted = [
        [(declared_name(key.name), _values_of(key, records)) for key in view.keys]
        for view in plan.views_of(source.topic)
    ]

    def keep(table: pa.Table) -> pa.Table:
        mask = pa.repeat(pa.scalar(False), len(table))
        for keys in wanted:
            of_view = pa.repeat(pa.scalar(True), len(table))
            for column, values in keys:
                stored = table.column(column)
                of_view = pc.and_(of_view, pc.is_in(stored, value_set=pa.array(values, stored.type)))
            mask = pc.or_(mask, of_view)
        return table.filter(mask)

    return keep


def _values_of(key: EntityKeyPlan, records: Sequence[ScoreRecord]) -> list[KeyValue]:
    """Values of a join key; those of records that name none, or none of its type, are left to the prover."""
    kind = str if key.type == "string" else int
    values = {value for record in records if isinstance(value := record.entity.get(key.name), kind)}
    return sorted(value for value in values if isinstance(value, str) or abs(value) < 2**63)


class _LakeFaults:
    """What is known to be wrong with the lake: at first its gaps, then all."""

    def __init__(self, lake: Lake, sources: Sequence[SourcePlan]) -> None:
        self._lake = lake
        self._sources = sources
        self._checked = False
        self.known: list[LakeFinding] = [gap for source in sources for gap in lake.gaps(source.topic)]

    def all(self) -> list[LakeFinding]:
        """Every fault; the first call reads all of the lake."""
        if not self._checked:
            self.known = [fault for source in self._sources for fault in self._lake.check(source.topic, source=source)]
            self._checked = True
        return self.known
