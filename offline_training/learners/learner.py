"""What a learning algorithm is here, and what it leaves behind: the seam between fitting and everything after it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from features.head import Link, Task
from features.progress import Progress
from offline_training.conversion.exported import Exported

Params: TypeAlias = Mapping[str, bool | int | float | str]

Report: TypeAlias = Callable[[int, float], None]
"""Takes the number of a step and the loss on the validation rows after it; may raise, and so end the fit."""


def no_report(step: int, loss: float) -> None:
    """Let the fit go on."""


class Sample(NamedTuple):
    """What is learned from: rows ``[n, k]`` and their labels, which are 0 and 1, numbers of classes, or values.

    ``n_classes`` is 0 where labels are values; ``weights`` are how much each row counts, None: all alike. Where the
    rows are but some of those that a cluster holds, they stand for all of those up to ``until_us`` (None: all).
    """

    rows: np.ndarray
    labels: np.ndarray
    task: Task
    n_classes: int
    weights: np.ndarray | None = None
    until_us: int | None = None


class Validation(NamedTuple):
    """Rows on which a fit decides when to stop."""

    rows: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None
    report: Report = no_report


class Trial(Protocol):
    """What a search asks values of: Optuna's trial."""

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Choose a whole number."""
        ...

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Choose a number."""
        ...

    def suggest_categorical(self, name: str, choices: Any) -> Any:
        """Choose one of several."""
        ...


class Learned(Protocol):
    """A fitted model, with everything before it (filling, scaling), fitted on the same rows."""

    @property
    def learner(self) -> str:
        """Name of the algorithm."""
        ...

    @property
    def params(self) -> Params:
        """As chosen: a fit by these without validation stops where this one stopped."""
        ...

    @property
    def link(self) -> Link:
        """From its raw scores to scores."""
        ...

    @property
    def importance(self) -> np.ndarray:
        """Share of each input in what the model does ``[k]``."""
        ...

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """Raw scores ``[n, outputs]``, as the training library gives them."""
        ...

    def export(self) -> Exported:
        """The model as it is served; DomainError for what is not proven to convert."""
        ...


class Learner(Protocol):
    """One algorithm: what it may be told, how it is fitted. The same rows, parameters and seed give the same model."""

    @property
    def name(self) -> str:
        """As ``model.yaml`` names it."""
        ...

    @property
    def library(self) -> str:
        """Name of the distribution that fits it."""
        ...

    @property
    def tasks(self) -> frozenset[Task]:
        """What it can do."""
        ...

    def check(self, params: Params) -> None:
        """DomainError for a parameter that is not accepted."""
        ...

    def space(self, trial: Trial, task: Task) -> Params:
        """Parameters for a trial of a search."""
        ...

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> Learned:
        """Fit a model.

        With a validation the fit stops where the loss on it is least, and does not learn from its rows; without one it
        goes as far as its parameters say.
        """
        ...


@runtime_checkable
class OfShapedInputs(Protocol):
    """A learner that is told how its inputs belong together."""

    @property
    def of_inputs(self) -> frozenset[str]:
        """Parameters that say so, which no search can choose."""
        ...


def of_inputs(learner: Learner, params: Params) -> Params:
    """Those of a learner's parameters that say what its inputs are."""
    names = learner.of_inputs if isinstance(learner, OfShapedInputs) else frozenset[str]()
    return {name: value for name, value in params.items() if name in names}


class Keep(NamedTuple):
    """Where fits that take long leave what they have done: checkpoints, logs for TensorBoard, and a bar."""

    checkpoints: Path
    event_logs: Path
    progress: Progress


@runtime_checkable
class Resumable(Protocol):
    """A learner whose fits take long enough to be killed in the middle."""

    def kept(self, keep: Keep) -> Learner:
        """The same, whose fits leave what they have done, and go on where the same fit was killed."""
        ...


def keeping(learner: Learner, keep: Keep | None) -> Learner:
    """The learner with traces, if it leaves any."""
    return learner.kept(keep) if keep is not None and isinstance(learner, Resumable) else learner
