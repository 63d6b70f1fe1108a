"""How states come to life: births made from the lake, logs adopted, and where reading starts.

A birth is certified only once every state that the lake gives is confirmed in the store, so that a half-made store
is never read as a store of new customers.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import pyarrow as pa

from features.agreement import ErasureLake, agree_on_erasures
from features.decode import kernel_rows
from features.erasure import NO_ERASURES, Erasures
from features.errors import BirthMissingError, CorruptError, LogNotAdoptedError
from features.feast_layout import KeyLayout
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.lake import declared_name
from features.nouns import Partition
from features.plan import Plan, SourcePlan, ViewPlan
from features.state import State
from features.store import AdoptedLog, Birth, Certificate, ProgressKey, StateWrite, Store
from features.view_events import EventLake, read_events

CHUNK = 100
"""Entities a write: one script call."""


class LakeHistory(ErasureLake, EventLake, Protocol):
    """The part of the lake that a bootstrap reads."""

    def logs(self, topic: str) -> dict[str, list[int]]:
        """Partitions of each log."""
        ...

    def erasures(self) -> Erasures:
        """Entities that were forgotten."""
        ...

    def end(self, topic: str, log: str, partition: int) -> int | None:
        """Next offset after the covered prefix."""
        ...


class Bootstrapped(NamedTuple):
    """A birth that was made, and what went into it."""

    birth: Birth
    n_events: int
    n_entities: int


def birth_of(certificate: Certificate, view: ViewPlan) -> Birth:
    """The certified birth of a view as it is declared.

    Raises
    ------
    BirthMissingError
        No shard carries one, or only one of another declaration: the store is new, was flushed, or is old.

    """
    for birth in reversed(certificate.births):
        if birth.view == view.name and birth.view_hash == view.hash:
            return birth
    others = sorted(birth.view_hash for birth in certificate.births if birth.view == view.name)
    found = f"it has {', '.join(others)}" if others else "it has none"
    raise BirthMissingError(
        f"view {view.name}",
        f"the store carries no certificate for {view.hash} ({found}); run `millstream backfill --to-online`",
    )


def adopted_log(certificate: Certificate, topic: str, log: str) -> AdoptedLog:
    """What was adopted of a log; LogNotAdoptedError when nothing was."""
    for adopted in certificate.logs:
        if adopted.topic == topic and adopted.log == log:
            return adopted
    raise LogNotAdoptedError(topic, log)


def start_offset(
    *,
    certificate: Certificate,
    progress: Mapping[ProgressKey, int],
    lake_end: int | None,
    views: Sequence[ViewPlan],
    topic: str,
    log: str,
    partition: int,
) -> int:
    """Where a worker starts to read a partition, so that nothing is left out and the fence skips the rest.

    Parameters
    ----------
    certificate, progress
        As every shard carries them.
    lake_end
        Next offset after what the lake covers of this partition; None when it holds nothing of it.
    views
        The views that the topic feeds.
    topic, log, partition
        Which partition.

    Returns
    -------
    int
        The least of the lake's end and, over the views' births, of progress, or where there is none the cut; but never
        before the adopted start, which is how an operator gives up records that the broker deleted unread.

    Raises
    ------
    BirthMissingError, LogNotAdoptedError
        The store does not carry the births of these views, or the log was never adopted.

    """
    adopted_start = adopted_log(certificate, topic, log).start.get(partition, 0)
    starts = [adopted_start if lake_end is None else lake_end]
    for view in views:
        birth = birth_of(certificate, view)
        cut = birth.cut.get(log, {}).get(partition, adopted_start)
        starts.append(progress.get((birth.id, log, partition), cut))
    return max(min(starts), adopted_start)


async def ensure_births(
    store: Store, lake: LakeHistory, plan: Plan, *, serving: bool = True, hidden: Collection[str] = ()
) -> list[Bootstrapped]:
    """Give every view of the plan that has no birth one from the lake; those that were made.

    The same call makes a new store ready, brings back a lost one, and bootstraps a changed view. Births that are not
    ``serving`` at once wait for `features.succession.serve_births`, once workers feed them. Feast's fields show those
    that serve, but for ``hidden`` views, of which they show the birth of another plan.
    """
    certificate = await store.read_certificate()
    made = []
    for view in plan.views:
        try:
            birth_of(certificate, view)
        except BirthMissingError:
            feast = serving and view.name not in hidden
            made.append(await bootstrap_view(store, lake, plan, view, serving=serving, feast=feast))
    return made


async def rebuild_births(
    store: Store,
    lake: LakeHistory,
    plan: Plan,
    views: Iterable[str],
    *,
    serving: bool = True,
    hidden: Collection[str] = (),
) -> list[Bootstrapped]:
    """Make new births of these views from the lake, and withdraw the old ones once the new ones are certified.

    A birth serves and has Feast's fields as the old one did; where there is none, as `ensure_births` has it.
    """
    certificate = await store.read_certificate()
    made = []
    for name in views:
        view = plan.view(name)
        old = [birth for birth in certificate.births if birth.view == name and birth.view_hash == view.hash]
        serves = any(birth.serving for birth in old) if old else serving
        feast = any(birth.feast for birth in old) if old else serving and name not in hidden
        made.append(await bootstrap_view(store, lake, plan, view, serving=serves, feast=feast))
        for birth in old:
            await store.drop_birth(name, birth.id)
    return made


async def bootstrap_view(
    store: Store, lake: LakeHistory, plan: Plan, view: ViewPlan, *, serving: bool = True, feast: bool = True
) -> Bootstrapped:
    """Write the states that the lake gives one view, then certify their birth; Feast's fields only where it has them.

    Logs that the lake holds are adopted with it, and its erasures raised: the store may have forgotten them, the lake
    has not. Where an entity is forgotten meanwhile the birth is withdrawn, and made once more.
    """
    while True:
        erasures = await agree_on_erasures(store, lake, plan)
        made = await _bootstrap_once(store, lake, plan, view, erasures, serving=serving, feast=feast)
        if (await agree_on_erasures(store, lake, plan)).ids == erasures.ids:
            return made
        await store.drop_birth(view.name, made.birth.id)


async def _bootstrap_once(
    store: Store, lake: LakeHistory, plan: Plan, view: ViewPlan, erasures: Erasures, *, serving: bool, feast: bool
) -> Bootstrapped:
    """Write all states, then the certificate."""
    source = plan.source_of(view)
    topic_of = {log: topic for topic in view.topics for log in lake.logs(topic)}
    cut = {
        log: {partition: lake.end(topic, log, partition) or 0 for partition in lake.logs(topic)[log]}
        for log, topic in topic_of.items()
    }
    events = read_events(lake, plan, view, upto=_last_offsets(cut))
    states, n_events = fold_lake(events, view, source, plan.project, erasures)
    birth = Birth(
        view=view.name,
        view_hash=view.hash,
        id=new_birth_id(),
        join_keys=tuple(key.name for key in view.keys),
        features=view.feature_names,
        cut=cut,
        serving=serving,
        feast=feast,
        key_ttl_s=plan.key_ttl_s,
    )
    kernel = open_kernel(view, source)
    entries = list(states.items())
    for begin in range(0, len(entries), CHUNK):
        writes = [state_write(kernel, key, b"", state) for key, state in entries[begin : begin + CHUNK]]
        if not birth.feast:
            writes = [write._replace(feast_fields=()) for write in writes]
        answers = await store.bootstrap_states(view.name, birth.id, writes, key_ttl_s=birth.key_ttl_s)
        if any(answer is not None for answer in answers):
            raise CorruptError(f"birth {birth.id} of view {view.name}", "was written by someone else at the same time")
    certified = {log.log for log in (await store.read_certificate()).logs}
    for log, topic in topic_of.items():
        if log not in certified:
            await store.adopt_log(AdoptedLog(topic=topic, log=log, start={}))
    await store.write_birth(birth)
    return Bootstrapped(birth, n_events, len(states))


def fold_lake(
    events: pa.Table, view: ViewPlan, source: SourcePlan, project: str, erasures: Erasures = NO_ERASURES
) -> tuple[dict[bytes, State], int]:
    """States of all entities in a table of the lake, by entity key, and the number of events folded."""
    kernel, layout = open_kernel(view, source), KeyLayout(project, view.keys)
    ordinals = [[column.name for column in source.columns].index(key.name) for key in view.keys]
    states: dict[bytes, State] = {}
    eras = erasures.eras_of([key.name for key in view.keys])
    n_events = 0
    for batch in events.to_batches(max_chunksize=50_000):
        positions = (_listed(batch, name) for name in ("log", "partition", "offset", "event_us"))
        rows = kernel_rows(source, [_listed(batch, declared_name(column.name)) for column in source.stored])
        for log, partition, offset, event_us, columns in zip(*positions, rows, strict=True):
            entity = [columns[ordinal] for ordinal in ordinals]
            key = layout.key(entity)
            state = states.get(key)
            if state is None:
                state = states[key] = kernel.new_state(0 if eras is None else eras.era(entity))
            n_events += kernel.apply(state, (log, partition), offset, event_us, columns)
    return states, n_events


def new_birth_id() -> str:
    """An id that no other birth has; later births sort after earlier ones."""
    return f"{time.time_ns() // 1_000:014x}{secrets.token_hex(2)}"


def _last_offsets(cut: Mapping[str, Mapping[int, int]]) -> dict[Partition, int]:
    return {(log, partition): end - 1 for log, ends in cut.items() for partition, end in ends.items()}


def _listed(batch: pa.RecordBatch, name: str) -> list[Any]:
    column = batch.column(name)
    return (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()


def state_write(kernel: ViewKernel, key: bytes, expected: bytes, state: State) -> StateWrite:
    """Compare-and-set of a folded state, with Feast's fields as of one microsecond after its newest event."""
    if state.newest_us is None:
        raise AssertionError("a folded state holds at least one event")
    return StateWrite(key, expected, kernel.encode(state), kernel.fields(state))
