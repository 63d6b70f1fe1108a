"""Digests of rows: of what they hold, and of nothing else."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline_training.row_digests import fingerprint_of, row_digests

VALUES = st.tuples(
    st.one_of(st.none(), st.floats(allow_nan=False), st.just(-0.0)),
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), st.text(max_size=3)),
    st.one_of(st.none(), st.booleans()),
)
SCHEMA = pa.schema([("x", pa.float64()), ("n", pa.int64()), ("text", pa.string()), ("yes", pa.bool_())])


def table(rows: list[tuple[Any, ...]]) -> pa.Table:
    return pa.table([list(column) for column in zip(*rows, strict=True)], schema=SCHEMA)


@settings(max_examples=40)
@given(st.lists(VALUES, min_size=1, max_size=8))
def test_rows_have_one_digest_just_if_they_are_equal(rows: list[tuple[Any, ...]]) -> None:
    """Wherever they stand; 0 and -0 are one number, null is like nothing else."""
    digests = row_digests(table(rows), SCHEMA.names).tolist()
    for i, row in enumerate(rows):
        assert [one == digests[i] for one in digests] == [other == row for other in rows]
    assert row_digests(table(rows[::-1]), SCHEMA.names).tolist() == digests[::-1]


def test_a_number_that_is_none_is_like_one_that_is_absent() -> None:
    """A model is given the same of both, so no split may part them."""
    one, other = row_digests(pa.table({"x": [None, float("nan")]}), ["x"]).tolist()
    assert one == other


@pytest.mark.parametrize(
    ("left", "right"),
    [(["ab", "c"], ["a", "bc"]), (["a", None], [None, "a"]), (["", None], [None, ""]), (["ÿ", ""], [None, ""])],
)
def test_texts_do_not_run_into_each_other(left: list[str | None], right: list[str | None]) -> None:
    """Each is told with its length."""
    both = pa.table(
        {"a": [left[0], right[0]], "b": [left[1], right[1]]}, schema=pa.schema([("a", "string"), ("b", "string")])
    )
    one, other = row_digests(both, ["a", "b"]).tolist()
    assert one != other


def test_a_seed_draws_anew_and_names_are_in_the_fingerprint() -> None:
    """The bytes are pinned: a table must be known again by every later version."""
    rows = pa.table({"x": [1.5, None], "text": ["wide", None]})
    digests = row_digests(rows, ["x", "text"])
    assert digests.tolist() == [9071421425562749002, 17989873770541332186]
    assert set(row_digests(rows, ["x", "text"], seed=1).tolist()).isdisjoint(digests.tolist())
    assert fingerprint_of(["x", "text"], digests) == fingerprint_of(["x", "text"], digests[::-1])
    assert fingerprint_of(["y", "text"], digests) != fingerprint_of(["x", "text"], digests)
