"""How a model shows itself as tensors: the names, datatypes and shapes of what it takes and gives.

It takes either vectors (``features``, or one tensor for each feature by its name) or entities (``entity.<key>``) with
what a request may add (``request.<field>``, ``as_of``). The first dimension of every tensor is the row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as scoring
from grpc_api.open_inference.datatypes import BOOL, BYTES, FP64, INT32, INT64, Datatype

FEATURES: Final = "features"
ENTITY: Final = "entity."
REQUEST: Final = "request."
AS_OF: Final = "as_of"

SCORE: Final = "score"
RAW_SCORE: Final = "raw_score"
DECISION: Final = "decision"
NOTES: Final = "notes"

ANY: Final = -1
"""A dimension of any size."""
ROWS: Final = (ANY,)

DATATYPE_OF: Final = {
    "string": BYTES,
    "int32": INT32,
    "int64": INT64,
    "float32": FP64,
    "float64": FP64,
    "bool": BOOL,
    "timestamp": INT64,
}
"""By the declared type of a key or a field."""


class Shown(NamedTuple):
    """One input or output, as metadata tells it."""

    name: str
    datatype: Datatype
    shape: tuple[int, ...]


def inputs_of(model: scoring.ModelInfo) -> Iterator[Shown]:
    """What a model takes."""
    yield Shown(FEATURES, FP64, (ANY, len(model.inputs)))
    for prefix, declared in ((ENTITY, model.join_keys), (REQUEST, model.request_fields)):
        for one in declared:
            yield Shown(f"{prefix}{one.name}", DATATYPE_OF[one.type], ROWS)
    yield Shown(AS_OF, INT64, ROWS)


def outputs_of(model: scoring.ModelInfo) -> Iterator[Shown]:
    """What a model gives."""
    yield Shown(SCORE, FP64, ROWS)
    yield Shown(RAW_SCORE, FP64, ROWS)
    yield Shown(DECISION, BYTES, ROWS)
    for name in model.classes:
        yield Shown(of_class(SCORE, name), FP64, ROWS)
        yield Shown(of_class(RAW_SCORE, name), FP64, ROWS)
    yield Shown(NOTES, BYTES, ROWS)


def of_class(output: str, name: str) -> str:
    """What an output is called that holds the scores of one class."""
    return f"{output}.{name}"
