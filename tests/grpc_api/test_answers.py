"""Answers, which are written by hand, as protobuf reads them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from features.head import Head, Prediction
from features.nouns import Note
from features.vector import Vector
from grpc_api import answers
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.births import Births
from grpc_api.finishing import Finished
from grpc_api.messages import LATEST_US, from_note, set_duration, set_timestamp
from grpc_api.scoring import Asked, Scored
from grpc_api.served_model import ServedModel

instants = st.integers(1 - LATEST_US, LATEST_US - 1)
notes = st.builds(
    Note,
    feature=st.text(max_size=20),
    reason=st.sampled_from(["unknown_entity", "stale", "not_supplied", "as_of_behind_state"]),
    defaulted=st.booleans(),
)
doubles = st.floats(allow_nan=False)


@given(
    score=doubles,
    raw_score=doubles,
    decision=st.text(max_size=20),
    request_id=st.text(max_size=200),
    as_of_us=instants,
    newest_us=st.none() | instants,
    noted=st.lists(notes, max_size=5),
    classes=st.lists(st.tuples(doubles, doubles), max_size=3),
    supplied=st.booleans(),
)
def test_an_answer_says_what_was_scored(
    score: float,
    raw_score: float,
    decision: str,
    request_id: str,
    as_of_us: int,
    newest_us: int | None,
    noted: list[Note],
    classes: list[tuple[float, float]],
    supplied: bool,
) -> None:
    """Alone, as a row of a batch, where it names who gave it if that is another than the batch's, and in a stream."""
    expected = pb.ScoreResponse(score=score, raw_score=raw_score, decision=decision, request_id=request_id)
    set_timestamp(expected.as_of, as_of_us)
    if newest_us is not None and not supplied:
        set_duration(expected.newest_feature_age, as_of_us - newest_us)
    expected.notes.extend(map(from_note, noted))
    for number, (own, raw) in enumerate(classes):
        expected.classes.add(name=f"c{number}", score=own, raw_score=raw)
    scored = Scored(
        model=model_named("buys", len(classes)),
        asked=Asked(request_id, {}, None, {}),
        as_of_us=as_of_us,
        scored_at_us=0,
        births=Births(),
        finished=None if supplied else Finished([], [], newest_us),
        vector=Vector([], noted),
        raw_scores=[raw for _, raw in classes] or [raw_score],
        prediction=Prediction(raw_score, score, decision, tuple(own for own, _ in classes)),
    )
    other = replace(scored, model=model_named("other arm", len(classes)))
    rows = pb.ScoreBatchResponse.FromString(answers.batch_rows([scored, other, scored], scored.model)).rows
    assert [row.answer.model for row in rows] == ["", "other arm", ""]
    assert [rows[0].answer, rows[2].answer] == [expected, expected]
    expected.model = "buys"
    assert pb.ScoreResponse.FromString(answers.whole_answer(scored)) == expected
    assert pb.RowResult.FromString(answers.row_result(scored)) == pb.RowResult(answer=expected)


def model_named(name: str, n_classes: int) -> ServedModel:
    """Of which answers need the signature and the classes alone."""
    signature = pb.ScoreResponse(model=name).SerializeToString()
    head = Head("identity", tuple(f"c{number}" for number in range(n_classes)))
    return ServedModel(**(dict.fromkeys(ServedModel._fields) | {"signature": signature, "head": head}))  # type: ignore[arg-type]


@pytest.mark.parametrize("error", [ValueError("secret"), KeyError()])
def test_a_row_without_a_score_says_why(error: Exception) -> None:
    """As its call would have."""
    (row,) = pb.ScoreBatchResponse.FromString(answers.batch_rows([error], model_named("buys", 0))).rows
    assert (row.error.code, row.error.message) == (13, "the server failed; its log has the detail")
