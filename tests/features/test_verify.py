"""The promise, proven from the lake; and each accident found and named."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.bootstrap import bootstrap_view, state_write
from features.decode import Decoder
from features.errors import LakeCorruptError
from features.feast_layout import entity_key
from features.head import Decision, Head
from features.judge import Judge
from features.kernels import open_kernel
from features.key_sample import KeySample
from features.lake import Lake, LakeBatch, open_lake
from features.memory_store import MemoryStore
from features.nouns import SCORES_SOURCE, Note, ScoreRecord, ViewReading
from features.plan import AggregatePlan, ColumnPlan, EntityKeyPlan, FeatureRef, Plan, ServicePlan, SourcePlan, ViewPlan
from features.repair import repair_entity
from features.sigmoid import sigmoid
from features.state import State
from features.vector import UNREAD, Assembler, MissingPolicy, ViewValues
from features.verify import VerifyReport, verify
from tests.features.strategies import LOGS

SOURCE = SourcePlan(
    topic="readings",
    timestamp_column="at",
    max_ahead_us=10**15,
    columns=(
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="level", type="float64", nullable=True, decimals=2),
    ),
)
OTHER = SourcePlan(
    topic="probes",
    timestamp_column="probed_at",
    max_ahead_us=2 * 10**15,
    columns=(
        ColumnPlan(name="level", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="probe", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="device", type="string", nullable=False),
        ColumnPlan(name="probed_at", type="timestamp", nullable=False),
    ),
)
SCORES_LOG = "CCCCCCCCQACAAAAAAAAAAQ"
DAY_US = 86_400_000_000
VIEW = ViewPlan(
    name="levels",
    topic="readings",
    keys=(EntityKeyPlan(name="device", type="string"),),
    features=(
        AggregatePlan(name="n", function="count", column="level", window_us=10 * DAY_US, hop_us=DAY_US),
        AggregatePlan(name="total", function="sum", column="level", window_us=10 * DAY_US, hop_us=DAY_US),
        AggregatePlan(name="mean", function="mean", column="level"),
        AggregatePlan(name="since", function="seconds_since_last", column="level"),
    ),
    ttl_us=0,
    hash="00112233445566ff",
)


def plan_of(view: ViewPlan) -> Plan:
    """A plan of this view and one service of all its features."""
    features = tuple(FeatureRef(view=view.name, feature=name, kind="stream") for name in view.feature_names)
    return Plan(
        project="plant",
        sources=(SOURCE, OTHER) if view.further_topics else (SOURCE,),
        views=(view,),
        request_features=(),
        services=(ServicePlan(name="alarm", features=features),),
        transforms_sha256="",
    )


PLAN = plan_of(VIEW)
JUDGE = Judge(PLAN, {}, lambda _: MissingPolicy())
ALARM = Head("sigmoid", (), Decision(thresholds=(2.0,), names=("calm", "alarm")))
CLASSES = Head("softmax", ("calm", "alarm"))
KERNEL = open_kernel(VIEW, SOURCE)
START_US = 852_076_800_000_000


def event(device: int, minute: int, level: float | None) -> bytes:
    at = datetime.fromtimestamp(START_US / 1_000_000 + 60 * minute, tz=UTC)
    return msgspec.json.encode({"device": f"d{device}", "at": at, "probed_at": at, "level": level})


class World:
    """A lake and the scores that were served from the states of its events, which are of its topics in turn."""

    def __init__(self, folder: Path, view: ViewPlan = VIEW) -> None:
        self.folder = folder
        self.plan = plan_of(view)
        self.kernel = open_kernel(view, self.plan.source_of(view))
        self.judge = Judge(self.plan, {}, lambda _: MissingPolicy())
        self.topics = list(zip(self.plan.sources, LOGS, strict=False))
        self.lake: Lake = open_lake(str(folder))
        rng = np.random.default_rng(7)
        self.values = [
            event(int(rng.integers(20)), 37 * i - (900 if i % 11 == 0 else 0), round(float(rng.uniform(0, 99)), 2))
            for i in range(400)
        ]
        self.states: dict[str, State] = {}
        self.records: list[ScoreRecord] = []

    def serve(self, *, skip: int = -1, twice: int = -1) -> None:
        """Let the stream see the events, asking for scores in between; it may lose one, or count one twice."""
        for number, value in enumerate(self.values):
            offset, of_topic = divmod(number, len(self.topics))
            source, log = self.topics[of_topic]
            decoded, kernel = Decoder(source).decode([value], [START_US]), open_kernel(self.plan.views[0], source)
            (event_us,), (columns,) = decoded.event_us, decoded.columns
            if columns is None:
                continue
            device = str(columns[[column.name for column in source.columns].index("device")])
            state = self.states.setdefault(device, self.kernel.new_state())
            if number != skip:
                kernel.apply(state, (log, 0), offset, event_us, columns)
            if number == twice:
                del state.positions[log, 0]
                kernel.apply(state, (log, 0), offset, event_us, columns)
            if number % 9 == 0 and state.newest_us is not None:
                self.ask(device, max(state.newest_us, event_us) + 60_000_000)
        for i in range(3):
            self.ask(f"unknown{i}", START_US)

    def ask(self, device: str, as_of_us: int) -> None:
        state = self.states.get(device, self.kernel.new_state())
        newest_us = state.newest_us
        views = {"levels": ViewValues(self.kernel.finish(state, as_of_us), newest_us)}
        vector = Assembler(self.plan, "alarm", {}).assemble(as_of_us, views)
        raw = 0.25 * len(self.records) - 3
        self.records.append(
            ScoreRecord(
                request_id=f"r{len(self.records)}",
                scored_at=datetime.fromtimestamp(START_US / 1_000_000, tz=UTC),
                as_of_us=as_of_us,
                model="alarm",
                version="1",
                digest="d",
                arm="champion",
                plan_hash=self.plan.hash,
                service="alarm",
                entity={"device": device},
                views=(
                    ViewReading(
                        view="levels",
                        view_hash=self.plan.views[0].hash,
                        birth="b",
                        positions=tuple((log, p, offset) for (log, p), offset in state.positions.items()),
                        newest_us=newest_us,
                    ),
                ),
                features=self.plan.services[0].feature_names,
                vector=tuple(None if value != value else value for value in vector.values),
                raw_score=raw,
                score=sigmoid(raw),
                decision="calm",
                notes=tuple(vector.notes),
            )
        )

    def fill_lake(self, upto: int | None = None) -> None:
        for number, (source, log) in enumerate(self.topics):
            write(self.lake, source, log, self.values[:upto][number :: len(self.topics)])
        write(self.lake, SCORES_SOURCE, SCORES_LOG, [msgspec.json.encode(record) for record in self.records])

    def tamper(self, change: Callable[[pa.Table], pa.Table]) -> None:
        """Rewrite the one file of events, keeping its name and what it says of itself."""
        (path,) = (self.folder / "readings").rglob("*.parquet")
        table = pq.ParquetFile(path).read()
        pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
        self.lake = open_lake(str(self.folder))


def write(lake: Lake, source: SourcePlan, log: str, values: list[bytes]) -> None:
    kafka_us = [START_US] * len(values)
    decoded = Decoder(source).decode(values, kafka_us)
    lake.append(source, log, 0, LakeBatch(len(values), range(len(values)), kafka_us, values, decoded))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


@pytest.fixture
def fed_by_two(tmp_path: Path) -> World:
    """A world whose view is fed by two topics."""
    return World(tmp_path, msgspec.structs.replace(VIEW, further_topics=(OTHER.topic,)))


def served(world: World, **accident: int) -> VerifyReport:
    world.serve(**accident)
    world.fill_lake()
    return verify(world.lake, world.judge)


def defaulted(world: World, **changed: Any) -> ScoreRecord:
    """A record that was made without the store."""
    vector = Assembler(world.plan, "alarm", {}).assemble(START_US, {"levels": UNREAD})
    values = tuple(None if value != value else value for value in vector.values)
    made: dict[str, Any] = {"source": "defaulted", "views": (), "vector": values, "notes": tuple(vector.notes)}
    return msgspec.structs.replace(world.records[0], request_id="without", **(made | changed))


def test_what_was_made_without_the_store_is_proven_by_the_policy(world: World) -> None:
    """Beside records that were fetched; it stands on no view, so no event of the lake can have gone into it."""
    world.serve()
    world.records[3:3] = [defaulted(world)] * 2
    world.fill_lake()
    report = verify(world.lake, world.judge)
    assert (report.checked, report.defaulted) == (len(world.records), 2)
    assert report.proven


@pytest.mark.parametrize(
    "changed", [{"vector": (1.0, None, None, None)}, {"notes": ()}, {"source": "fetched"}, {"views": "kept"}], ids=str
)
def test_what_says_that_it_was_made_without_the_store_is_held_to_that(world: World, changed: dict[str, Any]) -> None:
    """A value that came from somewhere, a missing note, views that were read after all, or not a word of it."""
    world.serve()
    if "views" in changed:
        changed = {"views": world.records[0].views}
    world.records.append(defaulted(world, **changed))
    world.fill_lake()
    report = verify(world.lake, world.judge)
    assert report.mismatched == 1
    assert report.mismatches[0].request_id == "without"


def test_vectors_of_the_caller_are_counted_apart(world: World) -> None:
    """No event stands behind them, so nothing of them is checked, whatever they say."""
    world.serve()
    n_ours = len(world.records)
    given: dict[str, Any] = {"source": "supplied", "views": (), "vector": (-1.0, None, 7.0, None)}
    world.records[3:3] = [msgspec.structs.replace(world.records[0], request_id="mine", **given)] * 3
    world.fill_lake()
    report = verify(world.lake, world.judge)
    assert (report.records, report.checked, report.supplied) == (n_ours + 3, n_ours, 3)
    assert report.proven


def test_everything_served_is_proven(world: World) -> None:
    """Late events, ties, unknown entities and all: every record is checked and every bit agrees."""
    report = served(world)
    assert report.checked == len(world.records) > 40
    assert report.mismatched == 0
    assert report.proven


def test_what_two_topics_feed_is_proven(fed_by_two: World) -> None:
    """Each record names positions in both; a sample of entities proves as well as all."""
    report = served(fed_by_two)
    assert report.checked == len(fed_by_two.records) > 40
    assert report.proven, report
    logs = {log for record in fed_by_two.records for log, *_ in record.views[0].positions}
    assert logs == {*LOGS}
    assert verify(fed_by_two.lake, fed_by_two.judge, sample=KeySample(5, seed=1)).proven


@pytest.mark.faults
@pytest.mark.parametrize(("accident", "cause"), [({"skip": 27}, "lost"), ({"twice": 45}, "duplicate")])
def test_what_befell_an_event_of_a_further_topic_is_named(
    fed_by_two: World, accident: dict[str, int], cause: str
) -> None:
    """By its position there."""
    report = served(fed_by_two, **accident)
    assert report.causes.get(cause, 0) > 0
    (number,) = accident.values()
    assert f"{LOGS[1]}/0/{number // 2} was " in report.mismatches[0].detail


def test_a_record_waits_for_every_topic(fed_by_two: World) -> None:
    """The lake may cover one topic and not the other yet."""
    fed_by_two.serve()
    fed_by_two.fill_lake(upto=200)
    report = verify(fed_by_two.lake, fed_by_two.judge)
    assert report.waiting > 0
    assert report.mismatched == 0


def test_nothing_checked_is_not_a_proof(world: World) -> None:
    """An empty run must not look like a success."""
    assert not verify(world.lake, JUDGE).proven


def test_a_record_waits_until_the_lake_covers_it(world: World) -> None:
    """What the lake cannot know yet is neither proven nor a mismatch."""
    world.serve()
    world.fill_lake(upto=200)
    report = verify(world.lake, JUDGE)
    assert report.waiting > 0
    assert report.checked + report.waiting == len(world.records)
    assert report.mismatched == 0


@pytest.mark.faults
@pytest.mark.parametrize("place", range(len(VIEW.features)))
def test_one_bit_of_a_record_is_found(world: World, place: int) -> None:
    """The last bit of any value of a vector."""
    world.serve()
    record = next(record for record in world.records if None not in record.vector)
    vector = list(record.vector)
    vector[place] = math.nextafter(vector[place] or 0.0, math.inf)
    world.records[world.records.index(record)] = msgspec.structs.replace(record, vector=tuple(vector))
    world.fill_lake()
    report = verify(world.lake, JUDGE)
    assert report.causes == {"arithmetic": 1}
    assert report.mismatches[0].request_id == record.request_id
    assert report.mismatches[0].feature == record.features[place]


def test_one_bit_of_a_score_is_found(world: World) -> None:
    """A score must be what its raw score gives."""
    world.serve()
    changed = float(np.nextafter(world.records[5].score, np.inf))
    world.records[5] = msgspec.structs.replace(world.records[5], score=changed)
    world.fill_lake()
    report = verify(world.lake, JUDGE)
    assert report.causes == {"arithmetic": 1}
    assert report.mismatches[0].feature == "score"


def test_a_decision_that_the_score_does_not_mean_is_found(world: World) -> None:
    """By the thresholds of the record's bundle, where that is at hand."""
    world.serve()
    world.records[5] = msgspec.structs.replace(world.records[5], decision="another")
    world.fill_lake()
    judge = JUDGE._replace(head=lambda _: ALARM)
    report = verify(world.lake, judge)
    assert report.causes == {"arithmetic": 1}
    assert report.mismatches[0].feature == "decision"


def test_an_event_that_the_stream_lost_is_named(world: World) -> None:
    """The position of the event stands in the finding."""
    report = served(world, skip=27)
    assert report.causes.get("lost", 0) > 0
    assert f"{LOGS[0]}/0/27 was left out" in report.mismatches[0].detail


def test_a_late_event_that_the_stream_left_out_is_named(world: World) -> None:
    """Lateness is told from loss by an earlier offset with a newer time."""
    report = served(world, skip=33)
    assert report.causes.get("late", 0) > 0
    assert f"{LOGS[0]}/0/33" in report.mismatches[0].detail


def test_an_event_that_the_stream_counted_twice_is_named(world: World) -> None:
    """The position of the event stands in the finding."""
    report = served(world, twice=45)
    assert report.causes.get("duplicate", 0) > 0
    assert f"{LOGS[0]}/0/45 was counted twice" in report.mismatches[0].detail


def test_a_sample_of_entities_is_proven(world: World) -> None:
    """As many as asked for, each with all of its records; another seed draws others."""
    served(world)
    drawn = []
    for seed in range(3):
        sample = KeySample(5, seed=seed)
        report = verify(world.lake, JUDGE, sample=sample)
        mine = [record for record in world.records if sample.holds(record.entity)]
        assert report.proven
        assert report.checked == len(mine) > 0
        drawn.append({record.entity["device"] for record in mine})
        assert len(drawn[-1]) == 5
    assert drawn[0] != drawn[1] != drawn[2]


@pytest.mark.parametrize(("accident", "cause"), [("skip", "lost"), ("twice", "duplicate")])
def test_a_sample_finds_and_names_what_befell_its_entities(world: World, accident: str, cause: str) -> None:
    """As large as all of them it finds what a whole run finds."""
    whole = served(world, **{accident: 27})
    report = verify(world.lake, JUDGE, sample=KeySample(100, seed=1))
    assert report.causes == whole.causes
    assert report.causes.get(cause, 0) > 0
    assert {mismatch.detail for mismatch in report.mismatches} == {mismatch.detail for mismatch in whole.mismatches}


def test_a_sample_names_a_lake_that_lost_rows(world: World) -> None:
    """It checks the lake once a record does not agree, and no sooner."""
    served(world)
    device = msgspec.json.decode(world.values[30])["device"]
    world.tamper(lambda table: pa.concat_tables([table.slice(0, 30), table.slice(31)]))
    report = verify(world.lake, JUDGE, sample=KeySample(100, seed=1))
    assert set(report.causes) == {"lost"}
    assert {mismatch.entity["device"] for mismatch in report.mismatches} == {device}
    assert "offsets 30 to 30" in report.lake_faults[0]


@pytest.mark.faults
def test_a_raw_score_that_its_model_does_not_give_is_named(world: World) -> None:
    """Where the model is at hand it is run again on the recorded vector; a sigmoid alone cannot tell."""
    world.serve()
    given = {record.request_id: [record.raw_score] for record in world.records[:20]}
    forged = float(np.nextafter(world.records[7].raw_score, np.inf))  # by one bit
    world.records[7] = msgspec.structs.replace(world.records[7], raw_score=forged, score=sigmoid(forged))
    world.fill_lake()
    report = verify(world.lake, Judge(PLAN, {}, JUDGE.policy, lambda record: given.get(record.request_id)))
    assert report.rescored == 20
    assert report.causes == {"arithmetic": 1}
    assert (report.mismatches[0].feature, report.mismatches[0].recorded) == ("raw_score", forged)


@pytest.mark.faults
def test_an_event_deleted_from_the_lake_is_named(world: World) -> None:
    """The file says how many rows it had."""
    served(world)
    world.tamper(lambda table: pa.concat_tables([table.slice(0, 30), table.slice(31)]))
    report = verify(world.lake, JUDGE)
    assert not report.proven
    assert set(report.causes) == {"lost"}
    assert "offsets 30 to 30" in report.lake_faults[0]


@pytest.mark.faults
def test_an_event_doubled_in_the_lake_is_named(world: World) -> None:
    """Readers count it once, so no number changes; the fault is reported all the same."""
    served(world)
    world.tamper(lambda table: pa.concat_tables([table.slice(0, 31), table.slice(30)]))
    report = verify(world.lake, JUDGE)
    assert not report.proven
    assert report.mismatched == 0
    assert report.lake_faults[0].startswith("doubled")


@pytest.mark.faults
def test_an_event_changed_in_the_lake_is_named(world: World) -> None:
    """Though raw value and columns were changed alike, the row is not what was written."""
    served(world)
    minute, device = 37 * 31, msgspec.json.decode(world.values[31])["device"]
    forged = event(int(device[1:]), minute, 77.77)

    def change(table: pa.Table) -> pa.Table:
        rows: list[dict[str, Any]] = table.to_pylist()
        rows[31] |= {"value": forged, "level": 77.77}
        return pa.Table.from_pylist(rows, schema=table.schema)

    world.tamper(change)
    report = verify(world.lake, JUDGE)
    assert not report.proven
    assert set(report.causes) == {"changed"}
    assert "offsets 31 to 31" in report.lake_faults[0]


def test_a_record_of_another_declaration_is_named(world: World) -> None:
    """A changed view hash is no arithmetic fault."""
    world.serve()
    reading = msgspec.structs.replace(world.records[0].views[0], view_hash="ffffffffffffffff")
    world.records[0] = msgspec.structs.replace(world.records[0], views=(reading,))
    world.fill_lake()
    assert verify(world.lake, JUDGE).causes == {"plan": 1}


def forged(world: World, cause: str, **changes: Any) -> None:
    """One record is changed; the rest still stand."""
    world.serve()
    world.records[5] = msgspec.structs.replace(world.records[5], **changes)
    world.fill_lake()
    report = verify(world.lake, JUDGE)
    assert report.causes == {cause: 1}
    assert report.waiting == 0
    assert report.mismatches[0].request_id == "r5"


BLANK = {"vector": (None,) * len(VIEW.features), "notes": ()}
TWICE = ViewReading(view="levels", view_hash=VIEW.hash, birth="b", positions=((LOGS[0], 0, 9),) * 2, newest_us=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"views": (), **BLANK},
        {"views": (TWICE,)},
        {"views": (msgspec.structs.replace(TWICE, view="gone"),)},
        {"entity": {"device": 3}},
        {"entity": {}},
    ],
    ids=["no view was read", "one partition twice", "a view that is gone", "another type of key", "no key"],
)
def test_a_record_that_the_plan_could_not_have_made_is_named(world: World, changes: dict[str, Any]) -> None:
    """It neither passes for an unknown entity, nor waits for ever, nor ends the run."""
    forged(world, "plan", **changes)


@pytest.mark.parametrize(
    "changes",
    [{"notes": (Note(feature="alarm", reason="stale"),)}, {"score": -1.75, "raw_score": -1.75}],
    ids=["notes", "a raw score for a score"],
)
def test_what_is_said_beside_the_vector_is_proven_too(world: World, changes: dict[str, Any]) -> None:
    """Notes follow from the views; a score is the sigmoid of its raw score, and nothing else."""
    forged(world, "arithmetic", **changes)


def of_classes(record: ScoreRecord, raws: Sequence[float]) -> ScoreRecord:
    """A record as a model of two classes would have made it."""
    predicted = CLASSES.predict(raws)
    return msgspec.structs.replace(
        record,
        link="softmax",
        classes=CLASSES.classes,
        raw_scores=tuple(raws),
        scores=predicted.scores,
        raw_score=predicted.raw_score,
        score=predicted.score,
        decision=predicted.decision,
    )


def test_scores_of_classes_are_proven(world: World) -> None:
    """Each class's, and which of them was decided on; by a bundle at hand and without one."""
    world.serve()
    world.records = [of_classes(record, (record.raw_score, 0.25)) for record in world.records]
    world.fill_lake()
    for judge in (JUDGE, JUDGE._replace(head=lambda _: CLASSES)):
        report = verify(world.lake, judge)
        assert report.proven, report.mismatches


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"scores": (0.5, 0.25)}, "scores"),
        ({"scores": ()}, "scores"),
        ({"raw_scores": (2.0,)}, "scores"),
        ({"link": "identity"}, "scores"),
        ({"raw_score": 1.0}, "raw_score"),
        ({"score": 0.5}, "score"),
        ({"decision": "alarm"}, "decision"),
        ({"classes": ("calm", "alarm", "panic")}, "scores"),
    ],
)
def test_a_score_of_a_class_that_is_not_so_is_found(world: World, changes: dict[str, Any], field: str) -> None:
    """Whichever part of it was changed."""
    world.serve()
    whole = of_classes(world.records[5], (2.0, 1.0))
    world.records[5] = msgspec.structs.replace(whole, **changes)
    world.fill_lake()
    report = verify(world.lake, JUDGE._replace(head=lambda record: CLASSES if record.classes else None))

    assert (report.causes, report.mismatches[0].feature) == ({"arithmetic": 1}, field)


def test_a_record_of_another_head_than_its_model_has_is_found(world: World) -> None:
    """Its scores may agree with each other and yet be none of this model's."""
    world.serve()
    world.records[5] = of_classes(world.records[5], (2.0, 1.0))
    world.fill_lake()
    report = verify(world.lake, JUDGE._replace(head=lambda _: ALARM))

    assert (report.causes, report.mismatches[0].feature) == ({"arithmetic": 1}, "scores")


def test_a_record_without_an_event_that_was_there_long_before_is_counted(world: World) -> None:
    """An entity whose state was lost reads as unknown, which its positions prove; its events tell."""
    world.serve()
    late = {"scored_at": datetime.fromtimestamp(START_US / 1_000_000 + 61, tz=UTC)}
    known = max(range(len(world.records)), key=lambda i: world.records[i].as_of_us)
    blank = next(i for i, record in enumerate(world.records) if record.entity == {"device": "unknown0"})
    lost = msgspec.structs.replace(world.records[blank], entity=world.records[known].entity, **late)
    world.records += [lost, msgspec.structs.replace(world.records[blank], **late)]
    world.fill_lake()
    report = verify(world.lake, JUDGE)
    assert (report.mismatched, report.unseen) == (0, 1)


def test_a_mismatch_under_a_policy_of_fail_is_attributed(world: World) -> None:
    """Leaving out an entity's only event makes it unknown, which that policy refuses: no explanation, no end."""
    world.values = [event(1, 0, 5.0)]
    world.serve()
    vector = (7.0, *world.records[0].vector[1:])
    world.records = [msgspec.structs.replace(world.records[0], vector=vector)]
    world.fill_lake()
    report = verify(world.lake, Judge(PLAN, {}, lambda _: MissingPolicy(default="fail")))
    assert report.causes == {"arithmetic": 1}


def test_a_stranger_among_the_score_records_is_named(world: World) -> None:
    """What satisfies the topic's schema alone is no score record."""
    world.serve()
    world.fill_lake()
    row = {"scored_at": "1997-01-01T00:00:00Z", "request_id": "x", "model": "m", "version": "1", "arm": "a"}
    strange = msgspec.json.encode({**row, "as_of_us": 1, "score": 0.5, "decision": "d"})
    write(world.lake, SCORES_SOURCE, LOGS[0], [strange])
    with pytest.raises(LakeCorruptError, match=rf"{LOGS[0]}/0/0: is no score record"):
        verify(world.lake, JUDGE)


async def test_a_damaged_state_is_repaired_from_the_lake(world: World) -> None:
    """The repaired state differs from the true one by its repair counter alone, and writers see the new head."""
    world.serve()
    world.fill_lake()
    store = MemoryStore()
    await store.connect()
    made = await bootstrap_view(store, world.lake, PLAN, VIEW)
    key = entity_key("plant", VIEW.keys, ["d3"])
    (true,) = await store.read_states("levels", made.birth.id, [key])
    assert true is not None
    broken = KERNEL.decode(true)
    broken.ever[0] += 1
    assert await store.write_states(
        "levels", made.birth.id, [state_write(KERNEL, key, KERNEL.head(broken), broken)]
    ) == [None]
    assert await repair_entity(store, world.lake, PLAN, "levels", {"device": "d3"})
    (repaired,) = await store.read_states("levels", made.birth.id, [key])
    assert repaired is not None
    state = KERNEL.decode(repaired)
    assert state.repair == 1
    state.repair = 0
    assert KERNEL.encode(state) == true


@pytest.mark.faults
@pytest.mark.parametrize(
    ("cause", "accident"),
    [("lost", {"skip": 27}), ("late", {"skip": 33}), ("duplicate", {"twice": 45}), ("arithmetic", {})],
)
async def test_what_is_found_is_healed(world: World, tmp_path: Path, cause: str, accident: dict[str, int]) -> None:
    """Whatever went wrong in a state: once it is repaired from the lake, what is served of it is proven again."""
    world.serve(**accident)
    if not accident:
        state = world.states["d3"]
        assert state.newest_us is not None
        state.ever[0] += 1
        world.ask("d3", state.newest_us + 60_000_000)
    world.fill_lake()
    report = verify(world.lake, JUDGE)
    assert report.causes.get(cause, 0) > 0
    device = next(str(found.entity["device"]) for found in report.mismatches if found.cause == cause)
    store, key = MemoryStore(), entity_key("plant", VIEW.keys, [device])
    await store.connect()
    made = await bootstrap_view(store, world.lake, PLAN, VIEW)
    (true,) = await store.read_states("levels", made.birth.id, [key])
    assert true is not None
    broken = world.states[device]
    head = KERNEL.head(KERNEL.decode(true))
    assert await store.write_states("levels", made.birth.id, [state_write(KERNEL, key, head, broken)]) == [None]
    assert await repair_entity(store, world.lake, PLAN, "levels", {"device": device})
    (healed,) = await store.read_states("levels", made.birth.id, [key])
    assert healed is not None
    after = World(tmp_path / "after")
    after.states[device] = KERNEL.decode(healed)
    assert broken.newest_us is not None
    after.ask(device, broken.newest_us + 120_000_000)
    after.fill_lake()
    assert verify(after.lake, JUDGE).proven


def test_a_record_is_held_against_the_plan_that_it_was_made_by(world: World) -> None:
    """The plan may have changed since, its view and even its topic be gone; unknown to the judge, it proves nothing."""
    world.serve()
    world.fill_lake()
    other = msgspec.structs.replace(SOURCE, topic="others")
    view = msgspec.structs.replace(VIEW, name="others", topic="others", hash="ffeeddccbbaa9988")
    today = Judge(msgspec.structs.replace(PLAN, sources=(other,), views=(view,), services=()), {}, JUDGE.policy)
    assert verify(world.lake, today).causes == {"plan": len(world.records)}
    report = verify(world.lake, today._replace(other={PLAN.hash: JUDGE}.get))
    assert report.proven
    assert report.checked == len(world.records)
