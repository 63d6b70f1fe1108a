"""The part of the suite that pandera checks: required columns, types, bounds, and whatever checks people added."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from features.errors import DomainError
from features.model_file import Check
from offline_training.validation.finding import Finding
from offline_training.validation.suite import Suite

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa

_LEAST: Final = "greater_than_or_equal_to"
_MOST: Final = "less_than_or_equal_to"
_EXAMPLES: Final = 3


def serialised(frame: pd.DataFrame) -> dict[str, Any]:
    """The schema of a frame as pandera writes it: names and types; every column may be null as far as it says."""
    import pandera.pandas as pa
    from pandera.io.pandas_io import serialize_schema

    columns = {str(name): pa.Column(_dtype(kind), nullable=True) for name, kind in frame.dtypes.items()}
    schema: dict[str, Any] = serialize_schema(pa.DataFrameSchema(columns), minimal=True)
    return schema


def compiled(suite: Suite, where: str) -> pa.DataFrameSchema:
    """One pandera schema of the suite's ``schema``, ``required_columns`` and ``numeric_bounds``."""
    from pandera.io.pandas_io import deserialize_schema

    columns: dict[str, dict[str, Any]] = {
        name: dict(column) | {"required": name in suite.required_columns}
        for name, column in suite.schema.get("columns", {}).items()
    }
    for name in suite.required_columns:
        columns.setdefault(name, {"nullable": True})
    for name, bounds in suite.numeric_bounds.items():
        column = columns.setdefault(name, {"nullable": True, "required": False})
        column |= {key: bound for key, bound in zip((_LEAST, _MOST), bounds, strict=True) if bound is not None}
    try:
        schema: pa.DataFrameSchema = deserialize_schema({**suite.schema, "columns": columns})
    except Exception as error:  # whatever pandera, or what it calls, makes of a file that people edit
        raise DomainError(f"{where}: schema", f"is nothing that pandera reads ({error})", "correct it") from error
    return schema


def breaches(schema: pa.DataFrameSchema, frame: pd.DataFrame, bounded: Sequence[str]) -> Iterator[Finding]:
    """What of a frame does not fit, all of it at once."""
    from pandera.errors import SchemaErrors

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # pandera warns of what it is asked to do, a check at a time
            schema.validate(frame, lazy=True)
    except SchemaErrors as errors:
        for error in errors.schema_errors:
            yield _finding(error, set(bounded))


def _finding(error: Any, bounded: set[str]) -> Finding:
    name = getattr(error.schema, "name", None)
    column, check = (None if name is None else str(name)), getattr(error.check, "name", None)
    if error.reason_code is not None and error.reason_code.name == "COLUMN_NOT_IN_DATAFRAME":
        return Finding(check="required_columns", column=str(error.failure_cases), detail="is missing")
    cases: Any = getattr(error, "failure_cases", None)
    values = cases["failure_case"].tolist() if hasattr(cases, "columns") and "failure_case" in cases else [cases]
    shown = ", ".join(str(value) for value in dict.fromkeys(values[:_EXAMPLES]))
    kind: Check = "numeric_bounds" if check in {_LEAST, _MOST} and column in bounded else "schema"
    many = f"{len(values):,} values" if len(values) > 1 else "a value"
    return Finding(check=kind, column=column, detail=f"breaks {error.check} ({many}, such as {shown})")


def _dtype(kind: Any) -> str:
    return "str" if str(kind) in {"object", "string"} else str(kind)
