"""Proves what was served: every recorded vector again, from the lake, by the backfill's arithmetic, bit for bit.

A record names the positions of the states that it was computed from. Its features are the fold of the entity's
lake rows at or below those positions, finished at the record's instant. The stream's kernel has no part in this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from features.attribution import Cause, Finding, attribute, bits, first_difference
from features.errors import BadInputError, LakeCorruptError, RequestError
from features.feast_layout import KeyLayout
from features.lake import Finding as LakeFinding
from features.lake import Lake
from features.nouns import SCORES_SOURCE, ScoreRecord, Struct
from features.plan import Plan
from features.refold import fold_records, unseen
from features.sigmoid import sigmoid
from features.vector import Assembler, MissingPolicy, ViewValues

CHUNK = 20_000
"""Records that are folded together: bounds memory."""

ATTRIBUTED = 200
"""Mismatches whose cause is looked for; each costs many folds."""


class Mismatch(Struct, frozen=True, kw_only=True):
    """One record that could not be proven, and why."""

    request_id: str
    entity: dict[str, str | int]
    as_of_us: int
    feature: str
    recorded: float | None
    proven: float | None
    cause: Cause
    detail: str


class VerifyReport(Struct, frozen=True, kw_only=True):
    """What a run of the verifier found.

    ``waiting`` counts records whose positions the lake does not cover yet, ``supplied`` those whose vector came with
    the request; neither is checked. ``unseen`` counts checked records that are proven for the events they name, but
    lack one that had long been in Kafka: the stream was behind, or the store had lost a state. ``causes`` counts the
    mismatches by cause, ``mismatches`` shows the first.
    """

    records: int
    checked: int
    mismatched: int
    waiting: int
    supplied: int
    unseen: int
    causes: dict[str, int]
    lake_faults: tuple[str, ...]
    mismatches: tuple[Mismatch, ...]

    @property
    def proven(self) -> bool:
        """Whether something was checked and nothing was wrong."""
        return self.checked > 0 and self.mismatched == 0 and not self.lake_faults


class Judge(NamedTuple):
    """What a record is held against: the domain's functions and the policies of its models."""

    plan: Plan
    functions: Mapping[str, Callable[..., Any]]
    policy: Callable[[ScoreRecord], MissingPolicy]


def verify(
    lake: Lake,
    judge: Judge,
    *,
    select: Callable[[ScoreRecord], bool] = lambda _: True,
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
    select
        Which records to check.
    shown
        How many mismatches to describe.
    progress
        Called with the number of records done, after each chunk.

    Returns
    -------
    VerifyReport
        Counts, the first mismatches, and the faults of the lake itself (gaps, doubled or changed rows).

    """
    records = [record for record in read_records(lake) if select(record)]
    fetched = [record for record in records if record.source == "fetched"]
    ends = _LakeEnds(lake, judge.plan)
    ready = [record for record in fetched if ends.cover(record)]
    faults = [fault for source in judge.plan.sources for fault in lake.check(source.topic, source=source)]
    prover = _Prover(lake, judge, faults)
    causes: Counter[str] = Counter()
    mismatches: list[Mismatch] = []
    for begin in range(0, len(ready), CHUNK):
        chunk = ready[begin : begin + CHUNK]
        for mismatch in prover.mismatches(chunk):
            causes[mismatch.cause] += 1
            mismatches.append(mismatch)
        progress(begin + len(chunk))
    return VerifyReport(
        records=len(records),
        checked=len(ready),
        mismatched=sum(causes.values()),
        waiting=len(fetched) - len(ready),
        supplied=len(records) - len(fetched),
        unseen=prover.unseen,
        causes=dict(causes),
        lake_faults=tuple(str(fault) for fault in faults[:shown]),
        mismatches=tuple(mismatches[:shown]),
    )


def read_records(lake: Lake) -> Iterator[ScoreRecord]:
    """All score records of the lake, in the order that they were read; LakeCorruptError at one that is none."""
    decoder = msgspec.json.Decoder(ScoreRecord)
    rows = lake.read(SCORES_SOURCE)
    values: list[Any] = rows.column("value").to_pylist()
    for i, value in enumerate(values):
        try:
            yield decoder.decode(value)
        except msgspec.MsgspecError as error:
            log, partition, offset = (rows.column(name)[i].as_py() for name in ("log", "partition", "offset"))
            where = f"{SCORES_SOURCE.topic} {log}/{partition}/{offset}"
            raise LakeCorruptError(where, f"is no score record ({error})") from error


class _LakeEnds:
    """Knows which positions the lake covers."""

    def __init__(self, lake: Lake, plan: Plan) -> None:
        self._lake = lake
        self._topics = {view.name: view.topic for view in plan.views}
        self._ends: dict[tuple[str, str, int], int] = {}

    def cover(self, record: ScoreRecord) -> bool:
        """Whether all positions of the record lie below the lake's end; those of a view that is gone need not."""
        return all(
            self._end(self._topics[reading.view], log, partition) > offset
            for reading in record.views
            if reading.view in self._topics
            for log, partition, offset in reading.positions
        )

    def _end(self, topic: str, log: str, partition: int) -> int:
        key = (topic, log, partition)
        if key not in self._ends:
            self._ends[key] = self._lake.end(topic, log, partition) or 0
        return self._ends[key]


class _Prover:
    """Holds the lake's tables and the judge, and proves chunks of records."""

    def __init__(self, lake: Lake, judge: Judge, faults: Sequence[LakeFinding]) -> None:
        self._judge = judge
        self._faults = faults
        self._tables = {source.topic: lake.read(source) for source in judge.plan.sources}
        self._assemblers: dict[tuple[str, str], Assembler] = {}
        self._left_to_attribute = ATTRIBUTED
        self.unseen = 0

    def mismatches(self, records: Sequence[ScoreRecord]) -> Iterator[Mismatch]:
        """Those of the records that the lake does not prove."""
        plan = self._judge.plan
        known = []
        for record in records:
            strange = _strange(record, plan)
            if strange is None:
                known.append(record)
            else:
                yield _mismatch(record, "", None, None, Finding("plan", strange))
        folded = {
            view.name: fold_records(known, view, plan.source(view.topic), self._tables[view.topic])
            for view in plan.views
        }
        self.unseen += len(set().union(*(unseen(known, view, self._tables[view.topic]) for view in plan.views)))
        for i, record in enumerate(known):
            mismatch = self._judged(record, {name: fold.row(i) for name, fold in folded.items()})
            if mismatch is not None:
                yield mismatch

    def _judged(self, record: ScoreRecord, views: Mapping[str, ViewValues]) -> Mismatch | None:
        assembler = self._assembler(record)
        try:
            proven, notes = assembler.assemble(record.as_of_us, views, record.request)
        except BadInputError as error:
            return _mismatch(record, "", None, None, Finding("arithmetic", str(error)))
        for reading in record.views:
            if reading.newest_us != views[reading.view].newest_us:
                return _mismatch(record, reading.view, None, None, self._attributed(record, views, assembler))
        wrong = first_difference(record.vector, proven)
        if wrong is not None:
            finding = self._attributed(record, views, assembler)
            return _mismatch(record, record.features[wrong], record.vector[wrong], proven[wrong], finding)
        if record.notes != tuple(notes):
            return _mismatch(record, "notes", None, None, Finding("arithmetic", f"the notes should be {notes}"))
        if bits(record.score) != bits(sigmoid(record.raw_score)):
            finding = Finding("arithmetic", "the score is not what its raw score gives")
            return _mismatch(record, "score", record.score, sigmoid(record.raw_score), finding)
        return None

    def _attributed(self, record: ScoreRecord, views: Mapping[str, ViewValues], assembler: Assembler) -> Finding:
        if self._left_to_attribute == 0:
            return Finding("unexamined", f"only the first {ATTRIBUTED} mismatches are put down to a cause")
        self._left_to_attribute -= 1
        return attribute(record, views, assembler, self._tables, self._judge.plan, self._faults)

    def _assembler(self, record: ScoreRecord) -> Assembler:
        key = (record.service, record.digest)
        if key not in self._assemblers:
            judge = self._judge
            policy = judge.policy(record)
            self._assemblers[key] = Assembler(judge.plan, record.service, judge.functions, policy)
        return self._assemblers[key]


def _strange(record: ScoreRecord, plan: Plan) -> str | None:
    """Why the plan at hand could not have made this record; None where it could."""
    hashes = {view.name: view.hash for view in plan.views}
    for reading in record.views:
        if hashes.get(reading.view) != reading.view_hash:
            return f"view {reading.view} was {reading.view_hash}, the plan says {hashes.get(reading.view)}"
    services = {service.name: service.feature_names for service in plan.services}
    if services.get(record.service) != record.features or len(record.vector) != len(record.features):
        return f"service {record.service} had other features than the plan says"
    views = plan.views_of_service(record.service)
    if sorted(reading.view for reading in record.views) != sorted(view.name for view in views):
        return f"service {record.service} reads {[view.name for view in views]}, each once, the record other views"
    for reading in record.views:
        if len({position[:2] for position in reading.positions}) != len(reading.positions):
            return f"view {reading.view} has two positions in one partition"
    for view in views:
        try:
            KeyLayout(plan.project, view.keys).key([record.entity[key.name] for key in view.keys])
        except (KeyError, RequestError):
            return f"the entity {record.entity} has not the join keys of view {view.name}"
    return None


def _mismatch(
    record: ScoreRecord, feature: str, recorded: float | None, proven: float | None, finding: Finding
) -> Mismatch:
    return Mismatch(
        request_id=record.request_id,
        entity=record.entity,
        as_of_us=record.as_of_us,
        feature=feature,
        recorded=recorded,
        proven=proven,
        cause=finding.cause,
        detail=finding.detail,
    )
