"""A learner behind steps that are fitted with it, on the same rows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx

from features.bundle import MODEL_COLUMNS, MODEL_INPUT
from features.head import Task
from features.model_file import PreparationSpec
from offline_training.conversion.columns import n_columns_of, width_of
from offline_training.conversion.exported import Exported, Probes
from offline_training.conversion.model_bytes import model_bytes
from offline_training.learners import Learner, Params, Sample, Trial, Validation, Wrapped
from offline_training.preparation.graph import Graph
from offline_training.preparation.kept import Kept
from offline_training.preparation.steps import Steps, fit_steps, require_inputs


def prepared(learner: Learner, spec: PreparationSpec, names: tuple[str, ...]) -> Learner:
    """The learner behind the steps that a model with these inputs asks for, or as it is where there are none."""
    if spec == PreparationSpec():
        return learner
    require_inputs(spec, names)
    return PreparedLearner(learner, spec, names)


@dataclass(frozen=True)
class PreparedLearner:
    """A `Learner` whose every fit begins with that of the steps, so that a fold's steps know nothing of other rows."""

    of: Learner
    spec: PreparationSpec
    inputs: tuple[str, ...]

    @property
    def name(self) -> str:
        """Of the learner."""
        return self.of.name

    @property
    def library(self) -> str:
        """Of the learner."""
        return self.of.library

    @property
    def tasks(self) -> frozenset[Task]:
        """Of the learner."""
        return self.of.tasks

    def check(self, params: Params) -> None:
        """As the learner does."""
        self.of.check(params)

    def space(self, trial: Trial, task: Task) -> Params:
        """Of the learner."""
        return self.of.space(trial, task)

    def fit(self, sample: Sample, params: Params, *, seed: int, validation: Validation | None = None) -> Prepared:
        """Fit the steps, and the learner on what they make of the rows; the validation's are encoded as if scored."""
        steps, columns = fit_steps(
            self.spec, self.inputs, sample.rows, sample.labels, n_classes=sample.n_classes, seed=seed
        )
        watched = None if validation is None else validation._replace(rows=steps.apply(validation.rows))
        model = self.of.fit(sample._replace(rows=columns), params, seed=seed, validation=watched)
        return Prepared(model, steps)


@dataclass(frozen=True)
class Prepared(Wrapped):
    """A `Learned` of a model's inputs: steps, and a model of their columns."""

    steps: Steps

    @property
    def importance(self) -> np.ndarray:
        """That of its columns, added to their inputs."""
        return np.asarray(self.model.importance @ self.steps.shares)

    def raw(self, rows: np.ndarray) -> np.ndarray:
        """The model's raw scores of the columns."""
        return self.model.raw(self.steps.apply(rows))

    def export(self) -> Exported:
        """One ONNX model of both."""
        steps, exported = self.steps, self.model.export()
        further = exported.columns_of

        def columns_of(row: np.ndarray) -> np.ndarray:
            """What is explained: the steps' columns, or what the model itself makes of them."""
            columns = steps.apply(row[np.newaxis])[0]
            return columns if further is None else further(columns)

        return exported._replace(
            onnx=_joined(steps, exported.onnx),
            probes=partial(_probes, steps, exported),
            shares=steps.shares if exported.shares is None else exported.shares @ steps.shares,
            columns_of=columns_of,
        )


def _joined(steps: Steps, model: bytes) -> bytes:
    """The model with the steps before it; it gives their columns, unless it gives others of its own."""
    learned = onnx.load_model_from_string(model).graph
    n_own = n_columns_of(learned)
    stepped = "stepped" if n_own else MODEL_COLUMNS
    graph = Graph()
    steps.draw(graph, MODEL_INPUT, stepped)
    for node in learned.node:
        node.input[:] = [stepped if name == MODEL_INPUT else name for name in node.input]
    return model_bytes(
        f"prepared_{learned.name}",
        [*graph.nodes, *learned.node],
        [*graph.constants, *learned.initializer],
        n_features=steps.n_inputs,
        n_outputs=width_of(learned.output[0]),
        n_columns=n_own or len(steps.names),
    )


def _probes(steps: Steps, exported: Exported, rows: np.ndarray) -> Probes:
    """Rows with one input at each extreme, or where a step tells apart; and the model's own, of the inputs it sees."""
    extremes = [(number, _EXTREMES) for number in range(steps.n_inputs)]
    telling = [each for step in steps.steps for each in step.telling.items()]
    own = exported.probes(steps.apply(rows))
    lifted = [_lifted(steps, rows, columns) for columns in own]
    return Probes(
        np.vstack([_altered(rows, extremes), lifted[0]]),
        np.vstack([_altered(rows, telling), lifted[1]]),
    )


_EXTREMES = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 0.5, -1.0, 5e-324, 1e18, -1e18, 1e308, -1e308])


def _altered(rows: np.ndarray, values: list[tuple[int, np.ndarray]]) -> np.ndarray:
    """A row for each value, which differs from a real one in that input alone."""
    numbers = np.repeat([column for column, _ in values], [len(some) for _, some in values]).astype(np.intp)
    altered = rows[np.arange(len(numbers)) % len(rows)]
    altered[np.arange(len(numbers)), numbers] = [value for _, some in values for value in some.tolist()]
    return altered


def _lifted(steps: Steps, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Real rows with the kept inputs of these columns."""
    lifted = rows[np.arange(len(columns)) % len(rows)]
    first = steps.steps[0]
    if isinstance(first, Kept):
        lifted[:, list(first.columns)] = columns[:, : len(first.columns)]
    return lifted
