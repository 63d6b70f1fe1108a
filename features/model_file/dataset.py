"""What ``model.yaml`` says of a table of observations that stands elsewhere than in the lake."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from typing import Final

from features.errors import DomainError
from features.model_file.struct import ModelStruct

DRAWN_PLACES: Final = 1_000_000
"""Among how many places rows without instants are drawn."""


class DatasetSpec(ModelStruct, frozen=True, kw_only=True):
    """Where the observations are: files or a database, and the SQL that chooses them there.

    Of files the SQL is DuckDB's, over the view ``dataset``; without it all of their rows are meant.
    """

    url: str
    query: str | None = None


def check_split(
    where: str, *, horizon: str | None, test_share: float | None, by_time: bool, by_url: bool, labelled: bool
) -> None:
    """Refuse a split of observations by what they do not have.

    Parameters
    ----------
    where
        The model's place in the file.
    horizon, test_share
        As the file has them.
    by_time
        Whether it speaks of a split by time.
    by_url
        Whether its observations are those of a dataset.
    labelled
        Whether it learns from labels: nothing else is known later.

    Raises
    ------
    DomainError
        Instants without a horizon, a horizon without instants, a share that is none.

    """
    if test_share is None:
        if horizon is None and labelled:
            raise DomainError(f"{where}.horizon", "is missing", "say how long after an observation its label is known")
        return
    if not by_url:
        raise DomainError(
            f"{where}.split.test_share",
            "is for a dataset without instants",
            "the lake's observations are split by time",
        )
    if horizon is not None or by_time:
        raise DomainError(
            f"{where}.split.test_share",
            "stands beside horizon, split.gap or split.test_span",
            "rows are split by time, or by a share where they have no instants",
        )
    if not 0 < test_share < 0.5:
        raise DomainError(f"{where}.split.test_share", "is not between 0 and a half", "keep more rows to learn from")
