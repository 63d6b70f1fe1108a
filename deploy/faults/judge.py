"""Holds store, lake and dead letters against what was sent, and scores against the lake; says how much is not so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

import duckdb
from confluent_kafka import Consumer, TopicPartition

from deploy.faults.oracle import Expected, expected_states
from deploy.faults.payments import SOURCE, account_id
from deploy.faults.production_site import ProductionSite
from deploy.faults.questions import N_ASKED
from deploy.log_ends import read_ends
from deploy.rescoring import rescoring
from features.feast_layout import KeyLayout, state_field
from features.judge import judge_of
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.key_sample import KeySample
from features.nouns import DEAD_LETTERS_TOPIC
from features.plan import ViewPlan
from features.redis_store import RedisStore
from features.verify import VerifyReport, verify

CHUNK: Final = 200
SHOWN: Final = 20
POLL_S: Final = 0.5

LAKE_AGAINST_SENT: Final = """
WITH sent AS (SELECT * FROM read_parquet($files) WHERE log = $log AND partition = $partition)
SELECT
  count(*) FILTER (WHERE row."offset" IS NULL) AS lost,
  count(*) FILTER (WHERE sent."offset" IS NULL) AS doubled,
  count(*) FILTER (WHERE split_part(coalesce(row.reason, ''), ':', 1) <> sent.reason) AS unaccounted_dead_letters,
  count(*) FILTER (
    WHERE sent.reason = '' AND row."offset" IS NOT NULL AND row.reason IS NULL AND (
      row.account <> 'a' || sent.account OR row.event_us <> sent.paid_us OR row.units <> sent.units
      OR round(row.price * 100) IS DISTINCT FROM sent.cents)) AS differing
FROM sent FULL JOIN rows AS row ON sent."offset" = row."offset"
"""

POISONED: Final = """SELECT log, partition, "offset" FROM read_parquet($files) WHERE reason <> ''"""


class Verdict(NamedTuple):
    """How much is wrong, and the first of it in words."""

    lost: int
    """Events that a state, or records that the lake, does not hold."""
    doubled: int
    """Events that a state holds more than once, rows of the lake that nobody sent, states of nobody."""
    differing: int
    """States of which any value, position or field of Feast's is another; rows that do not say what was sent."""
    unaccounted_dead_letters: int
    """Bad records without their reason in the lake, good ones with one, announcements of neither."""
    verified: int
    """Scores that were proven again from the lake."""
    mismatched: int
    """Scores that were not, and faults of the lake that `features.verify` finds."""
    findings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether something was verified, and nothing is wrong."""
        wrong = (self.lost, self.doubled, self.differing, self.unaccounted_dead_letters, self.mismatched)
        return self.verified > 0 and not any(wrong)


def judge(site: ProductionSite) -> Verdict:
    """Of a site that has settled, all traffic sent."""
    counts: Counter[str] = Counter()
    findings: list[str] = []
    for view in site.written_plan.views:
        for kind, n, finding in _states(site, view):
            counts[kind] += n
            findings.append(finding)
    for kind, n, finding in (*_lake(site), *_announcements(site)):
        counts[kind] += n
        findings.append(finding)
    report = _verified(site)
    mismatches = [
        f"score of {wrong.entity}, {wrong.feature} ({wrong.cause}): {wrong.detail}" for wrong in report.mismatches
    ]
    faults = [f"lake: {fault}" for fault in report.lake_faults]
    if report.waiting:
        faults.append(f"{report.waiting} scores rest on records that the lake does not hold")
    return Verdict(
        lost=counts["lost"],
        doubled=counts["doubled"],
        differing=counts["differing"],
        unaccounted_dead_letters=counts["unaccounted_dead_letters"],
        verified=report.checked,
        mismatched=report.mismatched + report.waiting + len(report.lake_faults),
        findings=(*findings[:SHOWN], *mismatches, *faults),
    )


Wrong = tuple[str, int, str]
"""A kind, how many, and one of them in words."""


def _states(site: ProductionSite, view: ViewPlan) -> Iterator[Wrong]:
    """Every stored state against the oracle."""
    kernel, layout = open_kernel(view, SOURCE), KeyLayout(site.plan.project, view.keys)
    field = state_field(view.name, site.birth(view))
    expected = {
        layout.key([account_id(number)]): state for number, state in expected_states(site.sent.files, view).items()
    }
    keys = list(expected)
    feast_names = kernel.row.fields([None] * len(view.features), 0)[::2]
    for begin in range(0, len(keys), CHUNK):
        chunk = keys[begin : begin + CHUNK]
        found = site.ask(partial(RedisStore.read_fields, keys=chunk, fields=[field, *feast_names]))
        for key, (stored, *feast) in zip(chunk, found, strict=True):
            yield from _state(kernel, expected[key], stored, feast, f"view {view.name}, key {key!r}")
    for key in site.redis.keys_with(field):
        if key not in expected:
            yield "doubled", 1, f"view {view.name}: a state of {key!r}, whom nothing was sent of"


def _state(
    kernel: ViewKernel, expected: Expected, stored: bytes | None, feast: list[bytes | None], where: str
) -> Iterator[Wrong]:
    """One state."""
    if stored is None:
        yield "lost", expected.n_events, f"{where}: has no state, {expected.n_events} events were sent"
        return
    state = kernel.decode(stored)
    values = kernel.finish(state, expected.newest_us + 1)
    surplus = int(values[0] or 0) - expected.n_events
    if surplus:
        yield "lost" if surplus < 0 else "doubled", abs(surplus), f"{where}: {values[0]} of {expected.n_events} events"
    fields = kernel.row.fields(expected.values, expected.newest_us)[1::2]
    if (state.newest_us, values, state.positions, feast) != (
        expected.newest_us,
        expected.values,
        expected.positions,
        fields,
    ):
        yield "differing", 1, f"{where}: is {values} at {dict(state.positions)}, should be {expected}"


def _lake(site: ProductionSite) -> Iterator[Wrong]:
    """Every row of the lake against the record that was sent there, a partition at a time."""
    held = {(log, partition) for log, partitions in site.lake.logs(site.topic).items() for partition in partitions}
    ends = site.sent.ends
    for log, partition in sorted(held | set(ends)):
        last = max(ends.get((log, partition), 0), site.lake.end(site.topic, log, partition) or 0)
        rows = site.lake.read(SOURCE, upto={(log, partition): last}, valid_only=False)
        with duckdb.connect() as connection:
            connection.register("rows", rows)
            answer = connection.execute(
                LAKE_AGAINST_SENT, {"files": site.sent.files, "log": log, "partition": partition}
            )
            names = [column[0] for column in answer.description]
            counts: Mapping[str, int] = dict(zip(names, answer.fetchone() or (), strict=True))
        for kind, n in counts.items():
            if n:
                yield kind, n, f"lake {log}/{partition}: {n} rows {kind}"


def _announcements(site: ProductionSite) -> Iterator[Wrong]:
    """What the topic of dead letters says; a letter that the broker was away for stands in the lake only."""
    with duckdb.connect() as connection:
        rows: list[Any] = connection.execute(POISONED, {"files": site.sent.files}).fetchall()
    poisoned = {f"{log}/{partition}/{offset}" for log, partition, offset in rows}
    if strays := announced(site) - poisoned:
        yield "unaccounted_dead_letters", len(strays), f"announced, and was no bad record: {min(strays)}"


def _verified(site: ProductionSite) -> VerifyReport:
    """What ``millstream verify`` finds, of the entities that were asked for."""
    judge = judge_of(site.plan, {}, site.scorer.state_dir, rescoring)
    return verify(site.lake, judge, sample=KeySample(N_ASKED, seed=0), shown=SHOWN)


def announced(site: ProductionSite) -> set[str]:
    """Positions of all announcements."""
    ends = {at[2]: end for at, end in read_ends(site.bootstrap_servers, site.logs, [DEAD_LETTERS_TOPIC]).items()}
    consumer = Consumer(
        {"bootstrap.servers": site.bootstrap_servers, "group.id": "judge", "enable.auto.commit": False, "log_level": 0}
    )
    consumer.assign([TopicPartition(DEAD_LETTERS_TOPIC, partition, 0) for partition in ends])
    missing = {partition: end for partition, end in ends.items() if end}
    found = set()
    while missing:
        message = consumer.poll(POLL_S)
        if message is None or message.error() is not None:
            continue
        found.add(message.key().decode())
        if message.offset() + 1 >= missing.get(message.partition(), 0):
            missing.pop(message.partition(), None)
    consumer.close()
    return found
