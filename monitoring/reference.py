"""What a model was trained on, as its bundle's ``reference.parquet`` holds it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from features.errors import BundleCorruptError

Floats = npt.NDArray[np.float64]

SCORE = "score"
RAW_SCORE = "raw_score"
ORDER_SEED = 0


class Reference(NamedTuple):
    """A sample of training vectors and their scores.

    Parameters
    ----------
    names
        Watched quantities: the features as ``view:feature``, last the score.
    rows
        One row an observation, one column a name, NaN for null; in random order.

    Examples
    --------
    >>> Reference(names=("v:a", "score"), rows=np.array([[1.0, 0.5], [np.nan, 0.25]])).known(0)
    array([1.])

    """

    names: tuple[str, ...]
    rows: Floats

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in the order of the columns, without the score."""
        return self.names[:-1]

    def known(self, column: int) -> Floats:
        """Values of one column that are not null.

        Parameters
        ----------
        column
            Index in ``names``.

        Returns
        -------
        numpy.ndarray
            In the order of the rows.

        """
        values = self.rows[:, column]
        return values[~np.isnan(values)]


def read_reference(path: Path) -> Reference:
    """Read the reference sample of a bundle.

    The rows are put into a random order (always the same one): a file in the order of time would look like a drift of
    its own to a detector that starts on it.

    Parameters
    ----------
    path
        ``reference.parquet`` of a bundle: one column a feature, ``raw_score`` and ``score``.

    Returns
    -------
    Reference
        Features in the order of the file, then the score.

    Raises
    ------
    BundleCorruptError
        The file is missing, unreadable, empty or without a score.

    """
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise BundleCorruptError(str(path), f"the reference sample does not read ({error})") from error
    features = [name for name in table.column_names if name not in {SCORE, RAW_SCORE}]
    if SCORE not in table.column_names or not features or not table.num_rows:
        raise BundleCorruptError(str(path), "the reference sample needs rows, features and a column `score`")
    names = (*features, SCORE)
    rows = np.column_stack([_floats(table.column(name)) for name in names])
    return Reference(names=names, rows=np.random.default_rng(ORDER_SEED).permutation(rows))


def _floats(column: pa.ChunkedArray[pa.DoubleScalar]) -> Floats:
    values = column.cast(pa.float64()).to_numpy()
    return np.asarray(values, dtype=np.float64)
