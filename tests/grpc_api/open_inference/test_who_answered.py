"""Who is told to have answered a request whose rows went to several arms."""

from __future__ import annotations

import pytest

from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.open_inference.service import who_answered

CHAMPIONS = pb.RowResult(answer=pb.ScoreResponse())
CHALLENGERS = pb.RowResult(answer=pb.ScoreResponse(version="2", arm="challenger"))


@pytest.mark.parametrize(
    ("rows", "who"),
    [
        ([], ("1", "champion")),
        ([CHAMPIONS], ("1", "champion")),
        ([CHALLENGERS, CHALLENGERS], ("2", "challenger")),
        ([CHALLENGERS, CHAMPIONS], ("1,2", "champion,challenger")),
    ],
    ids=["nobody asked", "champion", "challenger", "both"],
)
def test_those_whose_scores_these_are(rows: list[pb.RowResult], who: tuple[str, str]) -> None:
    """And not the champion for all of them."""
    answer = pb.ScoreBatchResponse(model="buys", version="1", arm="champion", rows=rows)
    assert who_answered(answer) == who
