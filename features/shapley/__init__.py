"""What each feature contributed to a raw score: exact Shapley values, of trees by their covers and of linear models."""

from features.shapley.column_shap import Columns, Explainer
from features.shapley.explanation_file import (
    Explanation,
    can_explain,
    explainer_of,
    open_explainer,
    write_explanation,
)
from features.shapley.linear_shap import LinearTables
from features.shapley.tree_tables import TreeTables

__all__ = [
    "Columns",
    "Explainer",
    "Explanation",
    "LinearTables",
    "TreeTables",
    "can_explain",
    "explainer_of",
    "open_explainer",
    "write_explanation",
]
