"""Proves score records one chunk at a time, and names what does not agree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from features.attribution import Cause, Finding, attribute, bits, first_difference
from features.erasure import Erasures
from features.errors import BadInputError, RequestError
from features.feast_layout import KeyLayout
from features.head import Head
from features.judge import Judge
from features.lake import Finding as LakeFinding
from features.nouns import ScoreRecord, Struct
from features.plan import Plan
from features.refold import fold_records, unseen
from features.vector import UNREAD, Assembler, ViewValues
from features.view_events import join_events

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

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


class Prover:
    """Proves chunks of records.

    Parameters
    ----------
    judge
        What they are held against.
    tables
        Valid events of each topic, from the lake: at least those of the records' entities.
    faults
        Tells what is wrong with the lake; asked once a cause is looked for.
    erasures
        Entities that were forgotten: what their events had gone into is no mismatch.

    Attributes
    ----------
    unseen
        Records that are proven but lack an event that had long been in Kafka.
    erased
        Records that cannot be proven any more, because events that were erased since had gone into them.
    rescored
        Records whose model was run again on their vector.

    """

    def __init__(
        self,
        judge: Judge,
        tables: Mapping[str, pa.Table],
        faults: Callable[[], Sequence[LakeFinding]],
        erasures: Erasures,
    ) -> None:
        self._judge = judge
        self._faults = faults
        self._events = {view.name: join_events(judge.plan, view, tables) for view in judge.plan.views}
        self._assemblers: dict[tuple[str, str], Assembler] = {}
        self._left_to_attribute = ATTRIBUTED
        self._erasures = erasures
        self.unseen = 0
        self.erased = 0
        self.rescored = 0

    def mismatches(self, records: Sequence[ScoreRecord]) -> Iterator[Mismatch]:
        """Those of the records that the lake does not prove.

        Parameters
        ----------
        records
            Whose positions the lake covers.

        Yields
        ------
        Mismatch
            The first thing of a record that is not what it should be, with its cause.

        """
        plan = self._judge.plan
        known = []
        for record in records:
            strange = _strange(record, plan)
            if strange is None:
                known.append(record)
            else:
                yield _mismatch(record, "", None, None, Finding("plan", strange))
        unread = dict.fromkeys((view.name for view in plan.views), UNREAD)
        fetched = [record for record in known if record.source != "defaulted"]
        folded = {
            view.name: fold_records(fetched, view, plan.source_of(view), self._events[view.name]) for view in plan.views
        }
        self.unseen += len(set().union(*(unseen(fetched, view, self._events[view.name]) for view in plan.views)))
        rows = ({name: fold.row(i) for name, fold in folded.items()} for i in range(len(fetched)))
        for record in known:
            mismatch = self._judged(record, unread if record.source == "defaulted" else next(rows))
            if mismatch is not None and mismatch.cause == "erased":
                self.erased += 1
            elif mismatch is not None:
                yield mismatch

    def _judged(self, record: ScoreRecord, views: Mapping[str, ViewValues]) -> Mismatch | None:
        assembler = self._assembler(record)
        try:
            proven = assembler.assemble(record.as_of_us, views, record.request)
        except BadInputError as error:
            return _mismatch(record, "", None, None, Finding("arithmetic", str(error)))
        for reading in record.views:
            if reading.newest_us != views[reading.view].newest_us:
                return _mismatch(record, reading.view, None, None, self._attributed(record, views, assembler))
        wrong = first_difference(record.vector, proven.values)
        if wrong is not None:
            finding = self._attributed(record, views, assembler)
            return _mismatch(record, record.features[wrong], record.vector[wrong], proven.values[wrong], finding)
        if record.notes != tuple(proven.notes):
            return _mismatch(record, "notes", None, None, Finding("arithmetic", f"the notes should be {proven.notes}"))
        return self._mispredicted(record) or self._rescored(record)

    def _mispredicted(self, record: ScoreRecord) -> Mismatch | None:
        """Whether the raw scores do not mean what the record says: by the model's head, where that is at hand."""
        told = Head(record.link, record.classes)
        head = self._judge.head(record) or told
        raws = record.raw_scores if record.classes else (record.raw_score,)
        if (head.link, head.classes) != (told.link, told.classes) or len(raws) != head.n_outputs:
            finding = Finding("arithmetic", f"the model's outputs are {head.classes or 'one'}, by {head.link}")
            return _mismatch(record, "scores", None, None, finding)
        predicted = head.predict(raws)
        if [bits(score) for score in record.scores] != [bits(score) for score in predicted.scores]:
            finding = Finding("arithmetic", "the scores of the classes are not what their raw scores give")
            return _mismatch(record, "scores", None, None, finding)
        if bits(record.raw_score) != bits(predicted.raw_score):
            finding = Finding("arithmetic", "the raw score is not that of the class with the highest")
            return _mismatch(record, "raw_score", record.raw_score, predicted.raw_score, finding)
        if bits(record.score) != bits(predicted.score):
            finding = Finding("arithmetic", "the score is not what its raw score gives")
            return _mismatch(record, "score", record.score, predicted.score, finding)
        if (head is not told or head.classes) and record.decision != predicted.decision:
            finding = Finding("arithmetic", f"the score means {predicted.decision}, not {record.decision}")
            return _mismatch(record, "decision", None, None, finding)
        return None

    def _rescored(self, record: ScoreRecord) -> Mismatch | None:
        """Run the model again on the recorded vector, where it is at hand."""
        found = self._judge.raw_scores(record)
        if found is None:
            return None
        self.rescored += 1
        for recorded, raw in zip(record.raw_scores or (record.raw_score,), found, strict=True):
            if bits(raw) != bits(recorded):
                finding = Finding("arithmetic", "the model gives another raw score for the recorded vector")
                return _mismatch(record, "raw_score", recorded, raw, finding)
        return None

    def _attributed(self, record: ScoreRecord, views: Mapping[str, ViewValues], assembler: Assembler) -> Finding:
        if record.source == "defaulted":
            return Finding("arithmetic", "it was made without the store, and is not what the model's policy gives then")
        if self._was_bystander(record):
            return Finding("erased", "events of an entity that was forgotten since had gone into it")
        if self._left_to_attribute == 0:
            return Finding("unexamined", f"only the first {ATTRIBUTED} mismatches are put down to a cause")
        self._left_to_attribute -= 1
        return attribute(record, views, assembler, self._events, self._judge.plan, self._faults())

    def _was_bystander(self, record: ScoreRecord) -> bool:
        at_us = (record.scored_at - _EPOCH) // _MICROSECOND
        return bool(self._erasures.records) and any(
            self._erasures.had_bystander(view.name, {key.name: record.entity[key.name] for key in view.keys}, at_us)
            for view in self._judge.plan.views_of_service(record.service)
        )

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
    if record.source == "defaulted":
        return "features that were not read are said to stand on views" if record.views else None
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
