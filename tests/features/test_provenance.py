"""What ``--from`` and ``--as-known`` may say."""

from __future__ import annotations

import pytest

from features.errors import RequestError
from features.nouns import provenance_of


def test_rows_are_computed_or_were_served() -> None:
    """What is asked for together has one name."""
    assert provenance_of("lake", as_known=False) == "as_true"
    assert provenance_of("lake", as_known=True) == "as_known"
    assert provenance_of("scores", as_known=False) == "as_served"


@pytest.mark.parametrize(
    ("source", "as_known", "problem"), [("store", False, "say lake or scores"), ("scores", True, "--as-known")]
)
def test_what_does_not_go_together_is_refused(source: str, as_known: bool, problem: str) -> None:
    """The vectors that were served are what they are."""
    with pytest.raises(RequestError, match=problem):
        provenance_of(source, as_known=as_known)
