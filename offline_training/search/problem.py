"""What all trials of a search have in common."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.head import Task
from features.model_file import PreparationSpec
from offline_training.learners import Params
from offline_training.split import Split


class Candidate(NamedTuple):
    """An algorithm with its parameters: what a search chooses."""

    algorithm: str
    params: Params


class Problem(NamedTuple):
    """Rows with labels, folds of them, and what may be fitted to them, behind the ``preparation`` of inputs by name.

    ``given`` is what ``model.yaml`` states: the first trial, so that a search never ends below it on the same rows.
    ``in_flight`` is how many trials may run at once.
    """

    rows: np.ndarray
    labels: np.ndarray
    names: tuple[str, ...]
    preparation: PreparationSpec
    weights: np.ndarray | None
    folds: tuple[Split, ...]
    task: Task
    n_classes: int
    metric: str
    algorithms: tuple[str, ...]
    given: Candidate
    in_flight: int
    seed: int
