"""What each feature contributed to a score, as the protocol has it."""

from __future__ import annotations

import math
from math import fsum

from features.errors import RequestError
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.answers import whole_answer
from grpc_api.model_explainer import Explained
from grpc_api.scoring import Scored
from grpc_api.status import UnknownNameError


def explained_output(scored: Scored, class_name: str) -> int:
    """Number of the output to explain: of the class asked for, or of the one decided on, or the only one.

    UnknownNameError where the model has no such class.
    """
    classes = scored.model.head.classes
    if not classes:
        if class_name:
            raise RequestError("class_name", "is set, but the model has one output", "leave it out")
        return 0
    class_name = class_name or scored.prediction.decision
    if class_name not in classes:
        raise UnknownNameError("class_name", f"{class_name!r} is no class", f"name one of {list(classes)}")
    return classes.index(class_name)


def explanation(scored: Scored, output: int, explained: Explained, top: int) -> pb.ExplainResponse:
    """The whole answer; ``top`` 0 tells all features."""
    model, values, found = scored.model, scored.vector.values, explained.contributions
    order = sorted(range(len(found)), key=lambda at: -abs(found[at]))
    shown = order[: top or None]
    return pb.ExplainResponse(
        answer=pb.ScoreResponse.FromString(whole_answer(scored)),
        raw_score=scored.raw_scores[output],
        base=explained.base,
        contributions=[
            pb.Contribution(feature=model.features[at], value=_value(values[at]), contribution=found[at])
            for at in shown
        ],
        rest=fsum(found[at] for at in order[len(shown) :]),
        class_name=model.head.classes[output] if model.head.classes else "",
    )


def _value(value: float) -> pb.Value:
    return pb.Value() if math.isnan(value) else pb.Value(number=value)
