"""From the answers of a ``ScoreBatch`` to the tensors that were asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Final

import msgspec
import numpy as np

from features.errors import RequestError
from grpc_api._generated.inference import open_inference_pb2 as pb
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as scoring
from grpc_api.messages import notes_in_words
from grpc_api.open_inference.datatypes import BYTES, FP64
from grpc_api.open_inference.raw_contents import to_raw
from grpc_api.open_inference.shown import DECISION, NOTES, RAW_SCORE, SCORE, of_class, outputs_of
from grpc_api.open_inference.tensor import Tensor, bytes_array
from grpc_api.open_inference.typed_contents import set_typed

Answers = Sequence[scoring.ScoreResponse]

CLASSIFICATION: Final = "classification"


def output_names(model: scoring.ModelInfo, request: pb.ModelInferRequest) -> list[str]:
    """Names of the outputs that a request wants; RequestError where it names one that there is not."""
    known = [shown.name for shown in outputs_of(model)]
    for requested in request.outputs:
        where = f"outputs[{requested.name!r}]"
        if requested.name not in known:
            raise RequestError(where, f"is not an output of {model.model}", f"it gives {', '.join(known)}")
        if CLASSIFICATION in requested.parameters:
            raise RequestError(where, "is asked for as a classification", f"ask for {DECISION}")
    return [requested.name for requested in request.outputs] or known


def to_outputs(model: scoring.ModelInfo, answers: Answers, names: Sequence[str]) -> list[Tensor]:
    """The tensors of these names."""
    made = dict(_makers(model))
    return [made[name](answers) for name in names]


def set_outputs(response: pb.ModelInferResponse, tensors: Sequence[Tensor], *, raw: bool) -> None:
    """Put tensors into a response, as raw contents or as typed ones."""
    for tensor in tensors:
        output = response.outputs.add(name=tensor.name, datatype=tensor.datatype.name, shape=tensor.shape)
        if raw:
            response.raw_output_contents.append(to_raw(tensor))
        else:
            set_typed(tensor, output.contents)


def _makers(model: scoring.ModelInfo) -> Iterator[tuple[str, Callable[[Answers], Tensor]]]:
    """How each output is made of the answers."""
    yield SCORE, lambda answers: _doubles(SCORE, [answer.score for answer in answers])
    yield RAW_SCORE, lambda answers: _doubles(RAW_SCORE, [answer.raw_score for answer in answers])
    yield DECISION, lambda answers: _texts(DECISION, [answer.decision.encode() for answer in answers])
    yield NOTES, lambda answers: _texts(NOTES, [msgspec.json.encode(notes_in_words(answer)) for answer in answers])
    for one in model.classes:
        for output, field in ((of_class(SCORE, one), "score"), (of_class(RAW_SCORE, one), "raw_score")):
            yield output, partial(_of_class, output, one, field)


def _of_class(output: str, name: str, field: str, answers: Answers) -> Tensor:
    """Scores of one class; NaN where an answer's arm does not know it."""
    found = [[getattr(one, field) for one in answer.classes if one.name == name] for answer in answers]
    return _doubles(output, [values[0] if values else math.nan for values in found])


def _doubles(name: str, values: Sequence[float]) -> Tensor:
    return Tensor(name, FP64, (len(values),), np.array(values, dtype=np.float64))


def _texts(name: str, texts: Sequence[bytes]) -> Tensor:
    return Tensor(name, BYTES, (len(texts),), bytes_array(texts))
