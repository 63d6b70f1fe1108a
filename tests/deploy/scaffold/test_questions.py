"""What is asked before a project begins, and what none can begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.scaffold import Answers, complete
from deploy.scaffold.questions import QUESTIONS
from features.errors import DomainError
from tests.deploy.scaffold.files import write_readings


class Somebody:
    """Answers questions in turn, and hears complaints."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.heard: list[str] = []

    def ask(self, question: str, default: str) -> str:
        self.asked.append(question)
        return self.answers.pop(0) or default


def test_nobody_is_asked_where_nobody_is_there() -> None:
    """Then the example begins."""
    assert complete({}, None, print) == Answers() == complete(dict.fromkeys(QUESTIONS), None, print)
    assert complete({"model_type": "regression"}, None, print).model_type == "regression"


def test_what_was_given_is_not_asked_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    """Of the example, nothing about columns; of a file, that too."""
    person = Somebody("Keep them", "dreams", "regression", "")
    answers = complete({"deployment_type": "batch"}, person.ask, person.heard.append)
    assert answers == Answers("Keep them", "regression", "example", "batch")
    assert len(person.asked) == 4
    assert person.heard == [
        "MODEL_TYPE: 'dreams' is not known; say one of classification, regression, clustering, nlp, computer_vision"
    ]

    file = str(write_readings(tmp_path / "readings.csv", "heat"))
    person = Somebody("", "", file, "", "", "", "heat", "soon", "30d")
    answers = complete({}, person.ask, person.heard.append)
    assert answers == Answers(dataset_source=file, target="heat", horizon="30d")
    assert "'soon' is not a length of time" in person.heard[0]


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (
            {"model_type": "dreams"},
            "MODEL_TYPE: 'dreams' is not known; say one of classification, regression, clustering",
        ),
        ({"deployment_type": "edge"}, "DEPLOYMENT_TYPE: 'edge' is not known; say one of realtime, batch"),
        ({"dataset_source": "postgresql://a/b"}, "is no Parquet or CSV file, and no s3://"),
        ({"dataset_source": "events.json"}, "is no Parquet or CSV file"),
        ({"dataset_source": "no/such.csv"}, "there is no file no/such.csv"),
        ({"horizon": "0d"}, "--horizon: is zero"),
        ({"horizon": "soon"}, "--horizon: 'soon' is not a length of time"),
        ({"target": "x"}, "--target: is about a file of events"),
    ],
)
def test_what_no_project_can_begin_with_is_refused(wrong: dict[str, str], problem: str) -> None:
    """With what there is instead."""
    with pytest.raises(DomainError) as refused:
        complete(wrong, None, print)
    assert problem in str(refused.value)
