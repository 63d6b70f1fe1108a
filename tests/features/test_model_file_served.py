"""What ``model.yaml`` may say of learning from what was served, and of a challenger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from features.errors import DomainError
from features.model_file import ChallengerSpec
from tests.features.test_model_file_search import read


def test_outcomes_are_those_of_the_very_instant_unless_asked(tmp_path: Path) -> None:
    """And nobody learns online."""
    model = read(tmp_path)
    assert (model.served.within_us, model.challenger) == (0, None)
    asked = read(tmp_path, served={"within": "2d"}, challenger={})
    assert (asked.served.within_us, asked.challenger) == (172_800_000_000, ChallengerSpec())


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"served": {"within": "soon"}}, r"served\.within"),
        ({"served": {"after": "1d"}}, "unknown field `after`"),
        ({"challenger": {"learning_rate": 0}}, r"challenger\.learning_rate: is not above 0"),
        ({"challenger": {"l2": 1}}, r"challenger\.l2: is not from 0"),
        (
            {"challenger": {}, "task": "multiclass", "classes": ["a", "b"], "decision": None},
            "challenger: cannot learn a multiclass model",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, keys: dict[str, Any], problem: str) -> None:
    """With its place in the file."""
    with pytest.raises(DomainError, match=problem):
        read(tmp_path, **keys)
