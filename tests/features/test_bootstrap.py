"""Where reading starts, and what is refused."""

from __future__ import annotations

import pytest

from features.bootstrap import start_offset
from features.errors import BirthMissingError, LogNotAdoptedError
from features.store import AdoptedLog, Birth, Certificate, ProgressKey
from tests.features.strategies import LOGS, whole_view

VIEW = whole_view()
LOG = LOGS[0]
BIRTH = Birth(view=VIEW.name, view_hash=VIEW.hash, id="b1", cut={LOG: {0: 40}}, serving=True)


def start(
    *,
    births: tuple[Birth, ...] = (BIRTH,),
    adopted: tuple[AdoptedLog, ...] = (AdoptedLog(topic="readings", log=LOG, start={}),),
    progress: dict[ProgressKey, int] | None = None,
    lake_end: int | None = 100,
    partition: int = 0,
) -> int:
    return start_offset(
        certificate=Certificate(births=births, logs=adopted),
        progress=progress or {},
        lake_end=lake_end,
        views=(VIEW,),
        topic="readings",
        log=LOG,
        partition=partition,
    )


def test_progress_wins_over_the_cut() -> None:
    """A birth starts at its cut only until its first progress."""
    assert start() == 40
    assert start(progress={("b1", LOG, 0): 70}) == 70


def test_nothing_above_the_lake_s_end_is_skipped() -> None:
    """A lake that lost its last file is filled again, the fence keeps the states right."""
    assert start(progress={("b1", LOG, 0): 70}, lake_end=55) == 55
    assert start(progress={("b1", LOG, 0): 70}, lake_end=None) == 0


def test_the_slowest_birth_decides() -> None:
    """Progress of another birth does not count for this one."""
    assert start(progress={("b0", LOG, 0): 90}) == 40


def test_a_partition_that_was_added_starts_at_its_beginning() -> None:
    """A partition that neither cut nor adoption names is read from 0."""
    assert start(partition=5, lake_end=None) == 0


def test_a_log_adopted_from_later_on_starts_there() -> None:
    """Adoption says which events were never wanted."""
    adopted = (AdoptedLog(topic="readings", log=LOG, start={3: 12}),)
    assert start(adopted=adopted, partition=3, lake_end=None) == 12


def test_a_log_that_was_never_adopted_is_refused() -> None:
    """A topic made anew is another log; the error says how to adopt it."""
    with pytest.raises(LogNotAdoptedError, match="millstream adopt readings"):
        start(adopted=(AdoptedLog(topic="readings", log=LOGS[1], start={}),))


def test_a_store_without_the_view_s_birth_is_refused() -> None:
    """Flushed, new, or of another declaration: the error says how to bring the states back."""
    old = Birth(view=VIEW.name, view_hash="ffffffffffffffff", id="b0", cut={}, serving=True)
    with pytest.raises(BirthMissingError, match=r"ffffffffffffffff.*backfill --to-online"):
        start(births=(old,))
