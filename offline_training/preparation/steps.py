"""All steps of a model, fitted on its training rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from features.errors import DomainError
from features.model_file import PreparationSpec, TextSpec
from offline_training.preparation.graph import Graph
from offline_training.preparation.kept import Kept
from offline_training.preparation.one_hot import OneHot
from offline_training.preparation.ratio import Ratio
from offline_training.preparation.step import Step
from offline_training.preparation.target_encoding import (
    TargetEncoding,
    blank_encoding,
    cross_encode,
    fit_target_encoding,
    targets_of,
)
from offline_training.preparation.tfidf import fit_tfidf
from offline_training.preparation.time_parts import TimeParts

ONE_HOT_BELOW: Final = 20
"""Of so many categories, labels stand for them."""

_UNITS_PER_SECOND: Final = {"seconds": 1, "microseconds": 1_000_000}


class Steps(NamedTuple):
    """Fitted steps one beside another; the columns of the first come first."""

    n_inputs: int
    steps: tuple[Step, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Of all columns."""
        return tuple(name for step in self.steps for name in step.names)

    @property
    def shares(self) -> np.ndarray:
        """What part of each column is each input's ``[p, k]``: of a column of two inputs, half."""
        of_columns = [inputs for step in self.steps for inputs in step.inputs]
        shares = np.zeros((len(of_columns), self.n_inputs))
        for column, inputs in enumerate(of_columns):
            for number in inputs:
                shares[column, number] += 1 / len(inputs)
        return shares

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Columns ``[n, p]`` of rows ``[n, k]``."""
        return np.ascontiguousarray(np.concatenate([step.apply(rows) for step in self.steps], axis=1))

    def draw(self, graph: Graph, rows: str, columns: str) -> None:
        """The same as ONNX, the columns under a name."""
        graph.node("Concat", *(step.draw(graph, rows) for step in self.steps), axis=1)
        graph.nodes[-1].output[:] = [columns]


class FittedSteps(NamedTuple):
    """Steps, and what they make of the rows that they were fitted on, of which no row reads its own label."""

    steps: Steps
    columns: np.ndarray


def require_inputs(spec: PreparationSpec, names: Sequence[str]) -> None:
    """DomainError for a step of what is no input."""
    ratios = [(f"ratios.{name}", of) for name, r in spec.ratios.items() for of in (r.numerator, r.denominator)]
    for name, text in spec.texts.items():
        if not words_of(text, names):
            raise DomainError(
                f"model.yaml: preparation.texts.{name}.words",
                f"no input begins with {text.words!r}",
                f"inputs are {', '.join(names)}",
            )
    by_input = [(key, name) for key in ("time_parts", "categories") for name in getattr(spec, key)]
    for where, name in (*by_input, *ratios):
        if name not in names:
            raise DomainError(
                f"model.yaml: preparation.{where}", f"{name} is no input", f"inputs are {', '.join(names)}"
            )


def fit_steps(
    told: PreparationSpec, names: tuple[str, ...], rows: np.ndarray, labels: np.ndarray, *, n_classes: int, seed: int
) -> FittedSteps:
    """Fit the steps of a model on training rows ``[n, k]`` and their labels, of more than two classes by number."""
    replaced = told.time_parts.keys() | told.categories.keys()
    texts = {name: words_of(text, names) for name, text in told.texts.items()}
    spoken = {column for columns in texts.values() for column in columns}
    kept = tuple(number for number, name in enumerate(names) if name not in replaced and number not in spoken)
    steps: list[Step] = [Kept(tuple(names[number] for number in kept), kept)] if kept else []
    for name, instant in told.time_parts.items():
        units = _UNITS_PER_SECOND[instant.unit]
        ahead_units = instant.offset_minutes * 60 * units
        steps.append(TimeParts(name, names.index(name), instant.parts, 3_600 * units, ahead_units))
    for name, ratio in told.ratios.items():
        otherwise = np.nan if ratio.otherwise is None else ratio.otherwise
        steps.append(Ratio(name, names.index(ratio.numerator), names.index(ratio.denominator), otherwise + 0.0))
    for name, text in told.texts.items():
        steps.append(fit_tfidf(name, texts[name], rows, most=text.vocabulary, min_rows=text.min_rows))
    columns = [step.apply(rows) for step in steps]
    for name, category in told.categories.items():
        blank = blank_encoding(name, names.index(name), len(names), n_classes)
        step, own = _fit_category(blank, rows, targets_of(labels, n_classes), category.smoothing, seed)
        steps.append(step)
        columns.append(own)
    return FittedSteps(Steps(len(names), tuple(steps)), np.ascontiguousarray(np.concatenate(columns, axis=1)))


def words_of(text: TextSpec, names: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the inputs that hold a text's words."""
    return tuple(number for number, name in enumerate(names) if name.startswith(text.words))


def _fit_category(
    blank: TargetEncoding, rows: np.ndarray, targets: np.ndarray, smoothing: float, seed: int
) -> tuple[Step, np.ndarray]:
    """How a category is encoded, and the codes of the rows."""
    found = rows[:, blank.column]
    values = np.unique(found[np.isfinite(found)])
    if len(values) < ONE_HOT_BELOW:
        one_hot = OneHot(blank.name, blank.column, tuple(values.tolist()))
        return one_hot, one_hot.apply(rows)
    if np.isnan(targets).any():
        raise DomainError(
            f"model.yaml: preparation.categories.{blank.name}",
            f"has {len(values)} categories, of which labels would have to tell, and there are none",
            f"leave it out, or let it have less than {ONE_HOT_BELOW}",
        )
    codes = cross_encode(blank, found, targets, smoothing, seed)
    return fit_target_encoding(blank, found, targets, smoothing), codes
