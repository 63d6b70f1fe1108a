"""How good a model is on rows whose outcome is known: for whom, how surely, and beside what serves now.

Every figure is computed under weights of the rows (`offline_training.evaluation.figures`), so that a figure, its
interval, that of a segment and the difference between two models are one arithmetic.
"""

from offline_training.evaluation.champion import ChampionReport, compare_with
from offline_training.evaluation.evaluation import (
    RANKED_BY,
    AnomaliesEvaluation,
    AnyEvaluation,
    ClassesEvaluation,
    ClustersEvaluation,
    Evaluation,
    ValuesEvaluation,
    evaluate,
    evaluate_classes,
    evaluate_model,
    evaluate_values,
    figures_of,
    roc_auc,
)
from offline_training.evaluation.fairness import Fairness
from offline_training.evaluation.figures import MAIN_FIGURES
from offline_training.evaluation.judgement import Judgement, judge_model, require_columns, to_outcomes
from offline_training.evaluation.outcomes import Outcomes
from offline_training.evaluation.targets import Target

__all__ = [
    "MAIN_FIGURES",
    "RANKED_BY",
    "AnomaliesEvaluation",
    "AnyEvaluation",
    "ChampionReport",
    "ClassesEvaluation",
    "ClustersEvaluation",
    "Evaluation",
    "Fairness",
    "Judgement",
    "Outcomes",
    "Target",
    "ValuesEvaluation",
    "compare_with",
    "evaluate",
    "evaluate_classes",
    "evaluate_model",
    "evaluate_values",
    "figures_of",
    "judge_model",
    "require_columns",
    "roc_auc",
    "to_outcomes",
]
