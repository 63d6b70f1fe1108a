"""Evidently's picture of a window beside the reference, for people."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.whole_file import replace_file
from monitoring.reference import Reference

if TYPE_CHECKING:
    import pandas as pd


def save_page(path: Path, *, reference: Reference, rows: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> None:
    """Write Evidently's data drift and data summary presets as one HTML file, atomically.

    Its own verdicts (a normed Wasserstein distance from 0.1) are a second opinion: they correct for nothing and know
    no null rates. Alarms are those of `monitoring.model_watch`.

    Parameters
    ----------
    path
        File to replace; its folder is made.
    reference
        What the model was trained on.
    rows
        The window: columns as in the reference, NaN for null.

    """
    import pandas as pd

    page = _render(
        pd.DataFrame(rows, columns=list(reference.names)),
        pd.DataFrame(reference.rows, columns=list(reference.names)),
    )
    replace_file(path, page.encode())


def _render(current: pd.DataFrame, reference: pd.DataFrame) -> str:
    # Seconds and 200 MB: imported when the first page is due, in this process only.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # deprecated names of numpy and pydantic inside Evidently 0.7 at import, and
        # divisions by zero on columns that are constant or all null, which it shows as such.
        from evidently import DataDefinition, Dataset, Report
        from evidently.presets import DataDriftPreset, DataSummaryPreset

        # The drift preset raises on a column that is all null on either side; the summary shows it.
        testable = [name for name in current if current[name].notna().any() and reference[name].notna().any()]
        definition = DataDefinition(numerical_columns=list(current.columns))
        report = Report([DataDriftPreset(columns=testable), DataSummaryPreset()])
        run = report.run(Dataset.from_pandas(current, definition), Dataset.from_pandas(reference, definition))
        return str(run.get_html_str(as_iframe=False))
