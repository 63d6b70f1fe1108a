"""Columns that a domain derives from those of a record, and what becomes of a record for which that fails."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.decode import Decoded, Decoder
from features.lake import LakeBatch, open_lake
from features.plan import ColumnPlan, DerivedPlan, MaskPlan, SourcePlan

LOG = "AAAAAAAAQACAAAAAAAAAAQ"
ON_TIME = "2024-01-01T00:00:00Z"
ARRIVED_US = 1_704_067_200_000_000

FUNCTIONS = """
def net(price: float | None, pieces: int | None) -> float | None:
    return None if price is None or pieces is None else price / pieces

def declined(status: str) -> bool | None:
    return {"declined": True, "approved": False}.get(status)

def hour(at: int) -> int:
    return at // 3_600_000_000 % 24

def told(status: str, answer: object) -> object:
    return RESULTS[status]() if status in RESULTS else 1

def _stop():
    return next(iter(()))

RESULTS = {
    "none": lambda: None,
    "text": lambda: "1",
    "true": lambda: True,
    "far": lambda: 2**52,
    "huge": lambda: 10**400,
    "stop": _stop,
    "half": lambda: 0.5,
    "nan": lambda: float("nan"),
    "inf": lambda: float("inf"),
    "lone": lambda: "\\ud800",
    "ü": lambda: "ü",
}
"""


def derived(name: str, kind: Any, parameters: str, *, nullable: bool = False, **more: Any) -> DerivedPlan:
    function = more.pop("function", name)
    return DerivedPlan(
        name=name, type=kind, nullable=nullable, function=function, parameters=tuple(parameters.split()), **more
    )


SOURCE = SourcePlan(
    topic="payments",
    timestamp_column="at",
    max_ahead_us=0,
    columns=(
        ColumnPlan(name="at", type="timestamp", nullable=False),
        ColumnPlan(name="price", type="float64", nullable=True, decimals=2),
        ColumnPlan(name="pieces", type="int64", nullable=True, decimals=0),
        ColumnPlan(name="status", type="string", nullable=False),
    ),
    derived=(
        derived("net", "float64", "price pieces", nullable=True, decimals=1),
        derived("declined", "bool", "status", nullable=True),
        derived("hour", "int64", "at", decimals=0),
    ),
    functions=FUNCTIONS,
    masks=(MaskPlan(column="price", where="declined"), MaskPlan(column="net", where="declined")),
)


def record(**fields: Any) -> bytes:
    return msgspec.json.encode({"at": ON_TIME, "status": "approved"} | fields)


def decode(*values: bytes | None, source: SourcePlan = SOURCE) -> Decoded:
    return Decoder(source).decode(values, [ARRIVED_US] * len(values))


def test_derived_columns_stand_behind_those_sent_and_masked_ones_behind_both() -> None:
    """Functions see columns as they were sent; their results are quantised; a mask leaves what counts."""
    decoded = decode(record(price=10, pieces=3, status="declined"), record(price=10, pieces=4), record(status="?"))
    assert decoded.reasons == {}
    assert decoded.raw == [
        (ARRIVED_US, 10.0, 3, "declined", 10 / 3, True, 0),
        (ARRIVED_US, 10.0, 4, "approved", 2.5, False, 0),
        (ARRIVED_US, None, None, "?", None, None, 0),
    ]
    assert decoded.columns == [
        (ARRIVED_US, 1000, 3, "declined", 33, True, 0, 1000, 33),
        (ARRIVED_US, 1000, 4, "approved", 25, False, 0, None, None),
        (ARRIVED_US, None, None, "?", None, None, 0, None, None),
    ]


def test_an_exception_refuses_its_record_alone() -> None:
    """The reason names the column, the function and the kind of the exception, and never its text."""
    decoded = decode(record(price=1, pieces=2), record(price=1, pieces=0), None, record(price=1, pieces=1))
    assert decoded.reasons[1] == "not_derivable: column net: net() raised ZeroDivisionError"
    assert sorted(decoded.reasons) == [1, 2]
    assert [row and row[4] for row in decoded.columns] == [5, None, None, 10]


def test_what_was_wrong_before_is_the_reason() -> None:
    """A function that fails on a record that is out of range anyway does not hide it."""
    (reason,) = decode(record(price=1e300, pieces=0)).reasons.values()
    assert reason.startswith("out_of_range: column price")


def told(kind: Any, *statuses: str, nullable: bool = False, decimals: int | None = None) -> Decoded:
    column = derived("said", kind, "status status", nullable=nullable, decimals=decimals, function="told")
    source = msgspec.structs.replace(SOURCE, derived=(column,), masks=())
    return decode(*(record(status=status) for status in statuses), source=source)


@pytest.mark.parametrize(
    ("kind", "decimals", "status", "reason"),
    [
        ("int64", 0, "none", "not_derivable: column said: told() gave null, not int"),
        ("int64", 0, "text", "not_derivable: column said: told() gave a value of the type str, not int"),
        ("int64", 0, "true", "not_derivable: column said: told() gave a value of the type bool, not int"),
        ("int64", 0, "half", "not_derivable: column said: told() gave a value of the type float, not int"),
        ("int64", 0, "stop", "not_derivable: column said: told() raised StopIteration"),
        ("int64", 0, "far", "out_of_range: column said: told() gave an integer beyond"),
        ("int64", None, "huge", "out_of_range: column said: told() gave an integer beyond"),
        ("float64", 0, "huge", "not_derivable: column said: told() gave a value of the type int, not float"),
        ("float64", 0, "true", "not_derivable: column said: told() gave a value of the type bool, not float"),
        ("float64", 0, "nan", "not_derivable: column said: told() gave null, not float"),
        ("float64", 0, "inf", "out_of_range: column said: inf with 0 decimals needs 2^52 or more"),
        ("bool", None, "?", "not_derivable: column said: told() gave a value of the type int, not bool"),
        ("string", None, "lone", "not_derivable: column said: told() gave a text that UTF-8 cannot hold"),
    ],
)
def test_a_result_that_is_not_of_the_columns_type_refuses_its_record(
    kind: Any, decimals: int | None, status: str, reason: str
) -> None:
    """Neither coerced nor stored."""
    assert told(kind, status, decimals=decimals).reasons[0].startswith(reason)


def test_results_of_the_columns_type_are_taken() -> None:
    """An int is a float where a float is due, NaN is null, texts are what UTF-8 holds."""
    assert told("float64", "?", "nan", "none", nullable=True, decimals=1).raw == [
        (ARRIVED_US, None, None, "?", 1.0),
        (ARRIVED_US, None, None, "nan", None),
        (ARRIVED_US, None, None, "none", None),
    ]
    assert told("int64", "far").reasons == {}
    assert [row and row[4] for row in told("string", "ü", "text").raw] == ["ü", "1"]


STATUSES = ["none", "text", "true", "far", "huge", "stop", "half", "nan", "inf", "lone", "ü", "?"]


@given(
    st.sampled_from([("int64", 0), ("float64", 2), ("bool", None), ("string", None)]),
    st.booleans(),
    st.lists(st.sampled_from(STATUSES), max_size=8),
)
def test_a_record_fares_alike_alone_and_in_any_batch(
    kind: tuple[str, int | None], nullable: bool, statuses: list[str]
) -> None:
    """Whatever the functions do to its neighbours."""
    together = told(kind[0], *statuses, nullable=nullable, decimals=kind[1])
    for i, status in enumerate(statuses):
        alone = told(kind[0], status, nullable=nullable, decimals=kind[1])
        assert (together.raw[i], together.columns[i], together.reasons.get(i)) == (
            alone.raw[0],
            alone.columns[0],
            alone.reasons.get(0),
        )


def test_the_lake_keeps_derived_columns_and_makes_masked_ones_as_it_reads(tmp_path: Path) -> None:
    """A plan with another filter reads the same files; one with another function decides the records anew."""
    values = [record(price=10, pieces=p, status=s) for p, s in ((3, "declined"), (4, "approved"), (0, "declined"))]
    lake = open_lake(str(tmp_path))
    lake.append(SOURCE, LOG, 0, LakeBatch(3, range(3), [ARRIVED_US] * 3, values, decode(*values)))
    masked = lake.read(SOURCE)
    assert masked.column("net").to_pylist() == [10 / 3, 2.5]
    assert masked.column("net where declined").to_pylist() == [10 / 3, None]
    assert lake.check("payments", source=SOURCE) == []
    (file,) = tmp_path.rglob("*.parquet")
    assert "net where declined" not in pa.parquet.read_schema(file).names  # type: ignore[attr-defined]

    other = msgspec.structs.replace(SOURCE, masks=(MaskPlan(column="pieces", where="declined"),))
    assert other.records_hash == SOURCE.records_hash
    assert lake.read(other).column("pieces where declined").to_pylist() == [3, None]

    safe = msgspec.structs.replace(SOURCE, functions=FUNCTIONS.replace("price / pieces", "price * pieces"))
    assert lake.read(safe).column("net").to_pylist() == [30.0, 40.0, 0.0]
    with lake.sql([safe]) as connection:
        assert connection.sql("SELECT sum(net) FROM payments WHERE declined").fetchall() == [(30.0,)]
