"""What `millstream score` shows beside the score."""

from __future__ import annotations

from datetime import UTC, datetime

from deploy.verbs.serving import explanation_lines, explanation_of
from millstream import Contribution, Explanation, ScoreResult

ANSWER = ScoreResult(
    score=0.25,
    raw_score=-1.0,
    decision="stays",
    as_of=datetime(2026, 1, 1, tzinfo=UTC),
    newest_feature_age=None,
    notes=(),
    request_id="r",
    model="m",
    version="1",
    arm="champion",
    view_hashes={},
)
FOUND = Explanation(
    answer=ANSWER,
    raw_score=-1.0,
    base=-2.0,
    contributions=(Contribution("v:spend", 1_234.5, 1.5), Contribution("v:n", None, -0.25)),
    rest=-0.25,
    class_name="",
)


def test_an_explanation_is_shown_as_a_sum() -> None:
    """The largest contribution first, each with what the model was given; what was left out is one line."""
    assert explanation_lines(FOUND) == [
        "  raw score -1.0000 = -2.0000 on average, and by its features",
        "  v:spend       +1.5000  1,234.5",
        "  v:n           -0.2500  null",
        "  all others    -0.2500",
    ]


def test_an_explanation_is_plain_data_too() -> None:
    """Its parts sum to the raw score."""
    data = explanation_of(FOUND)

    assert data["contributions"] == {"v:spend": 1.5, "v:n": -0.25}
    assert data["base"] + data["rest"] + sum(data["contributions"].values()) == data["raw_score"]
