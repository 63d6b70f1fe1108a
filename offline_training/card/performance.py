"""How good the model is: on all tested rows, on parts of them, where inputs fail, and against what was wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Final

from features.head import UNSUPERVISED, Task
from offline_training.baselines import LINEAR
from offline_training.card.facts import CardFacts
from offline_training.card.markdown import bullets, table
from offline_training.evaluation import MAIN_FIGURES, ChampionReport, figures_of
from offline_training.evaluation.figures import figure_name
from offline_training.evaluation.robustness import MOST_ROWS
from offline_training.proof import closeness

_RANKED: Final[Mapping[Task, str]] = {"binary": "roc_auc", "multiclass": "roc_auc", "regression": "r2"}
"""The figure of one feature alone, which gates compare."""

_FEW_ROWS: Final = 50
_MOST_KNOCKED_OUT: Final = 10


def performance(facts: CardFacts) -> str:
    """Figures with their intervals, beside the baselines, and all that puts them in proportion."""
    return "\n\n".join(_performance(facts))


def gates(facts: CardFacts) -> str:
    """What it had to reach to be published."""
    rows = [
        (gate.name.replace("_", " "), f"{gate.value:.4f}", f"{gate.least:.4f}", "yes" if gate.passed else "**no**")
        for gate in (*facts.fitted.gates, *facts.judgement.gates)
    ]
    return table(("gate", "value", "at least", "passed"), rows) if rows else "There are none without labels."


def beside_champion(report: ChampionReport) -> str:
    """The model against the one that served when it was trained."""
    who = f"version {report.version}"
    if report.trained_until is not None:
        who += f", trained on observations up to {report.trained_until:%Y-%m-%d}"
    if report.not_comparable:
        return f"The champion was {who}. It cannot be asked about these rows: {report.not_comparable}."
    rows = [
        (figure_name(name), f"{v.ours:.4f}", f"{v.theirs:.4f}", str(v.gain), f"{v.p_value:.3f}")
        for name, v in report.figures.items()
    ]
    lines = [f"On the same rows, the champion ({who}) scored by ONNX Runtime as it is served; gains above 0 are ours."]
    if report.fitted_rows:
        lines.append(
            f"**{report.fitted_rows:,} of the tested rows may be among those that the champion was fitted on**: where "
            "it knows their outcomes, that flatters it."
        )
    lines.append(table(("figure", "this model", "champion", "gain, 95 % interval", "p"), rows))
    delong = (
        "" if report.delong_p_value is None else f" DeLong's test of the two ROC AUCs: p = {report.delong_p_value:.3f}."
    )
    lines.append(f"p-values are of a paired bootstrap, two-sided, not corrected for their number.{delong}")
    return "\n\n".join(lines)


def _performance(facts: CardFacts) -> Iterator[str]:
    judgement = facts.judgement
    if judgement.targets:
        yield bullets(f"**{target.line()}**" for target in judgement.targets)
    if facts.spec.task in UNSUPERVISED:
        yield _without_labels(facts)
    yield _figures(facts)
    yield (
        "Intervals hold 95 % of resamples of the tested entities. They tell of chance in the test, not of a world that "
        "changes."
    )
    yield (
        f"`model.onnx` gave the raw scores of the training library {closeness(facts.fitted.proof.max_abs_diff)} on "
        f"{facts.fitted.proof.n_rows:,} rows: the tested ones, missing and extreme values, and of trees both sides of "
        "every threshold."
    )
    yield "### By segment"
    yield _segments(facts)
    yield "### When inputs fail"
    yield _robustness(facts)


def _figures(facts: CardFacts) -> str:
    """Beside both baselines, as far as these were measured."""
    beside = dict(_baselines(facts))
    rows = [
        (
            figure_name(name),
            f"{found.value:.4f}",
            f"{found.low:.4f} to {found.high:.4f}",
            *(f"{figures[name]:.4f}" if name in figures else "" for figures in beside.values()),
        )
        for name, found in facts.judgement.figures.items()
    ]
    return table(("on the test rows", "this model", "95 % interval", *beside), rows)


def _baselines(facts: CardFacts) -> Iterator[tuple[str, Mapping[str, float]]]:
    """Figures of each, by its name; there are none where there are no labels."""
    fitted, task = facts.fitted, facts.spec.task
    if fitted.linear is not None and fitted.single_rank is not None:
        yield LINEAR[task].replace("_", " "), figures_of(fitted.linear)
        yield f"`{facts.spec.baseline_feature}` alone", {_RANKED[task]: fitted.single_rank}


def _without_labels(facts: CardFacts) -> str:
    """What no weighting of rows gives an interval of."""
    rows = [(figure_name(name), f"{value:.4f}") for name, value in figures_of(facts.fitted.test).items()]
    return (
        f"{table(('on the test rows', 'this model'), rows)}\n\nStability is the mean agreement with models that were "
        "fitted to bootstrap resamples of the training rows."
    )


def _segments(facts: CardFacts) -> str:
    """One table a column."""
    figures = MAIN_FIGURES[facts.manifest.task]
    tables = []
    for column, parts in groupby(facts.judgement.segments, key=lambda segment: segment.column):
        rows = [
            (
                f"{part.value}{' (few rows)' if part.rows < _FEW_ROWS else ''}",
                f"{part.rows:,}",
                f"{part.share:.1%}",
                *(str(part.figures[name]) if name in part.figures else "" for name in figures),
            )
            for part in parts
        ]
        tables.append(table((f"`{column}`", "rows", "share", *map(figure_name, figures)), rows))
    return "\n\n".join(tables) or (
        "**Not measured**: `evaluation.segments` in `model.yaml` names no column that tells the tested rows apart."
    )


def _robustness(facts: CardFacts) -> str:
    found = facts.judgement.robustness
    if facts.spec.task in UNSUPERVISED:
        return "**Not measured**: without labels nothing tells by how much a disturbed score is worse."
    if not found:
        return "**Not measured** in a quick training."
    noise = [each for each in found if each.what.startswith("noise")]
    shown = [*[each for each in found if each not in noise][:_MOST_KNOCKED_OUT], *noise]
    rows = [(each.what, f"{each.value:.4f}", f"{each.loss:+.4f}") for each in shown]
    few = min(MOST_ROWS, facts.judgement.rows)
    return table((f"{few:,} of the tested rows", figure_name(found[0].figure), "worse by"), rows)
