"""What a model must reach on the test rows before it may serve."""

from __future__ import annotations

import msgspec

from features.model_file import GateSpec


class Gate(msgspec.Struct, frozen=True, kw_only=True):
    """One condition: ``value`` at or above ``least``."""

    name: str
    value: float
    least: float

    @property
    def passed(self) -> bool:
        """Whether it holds."""
        return self.value >= self.least


def judge(spec: GateSpec, *, roc_auc: float, logistic_roc_auc: float, baseline_roc_auc: float) -> tuple[Gate, ...]:
    """The gates of a model, in ROC AUC on the test rows."""
    return (
        Gate(name="against_logistic_regression", value=roc_auc, least=logistic_roc_auc - spec.max_below_logistic),
        Gate(name="against_single_feature", value=roc_auc, least=baseline_roc_auc + spec.min_above_baseline),
    )
