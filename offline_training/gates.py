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


def judge(spec: GateSpec, *, rank: float, linear: str, linear_rank: float, single_rank: float) -> tuple[Gate, ...]:
    """The gates of a model, in ROC AUC or R² on the test rows; ``linear`` names the linear learner."""
    return (
        Gate(name=f"against_{linear}", value=rank, least=linear_rank - spec.max_below_linear),
        Gate(name="against_single_feature", value=rank, least=single_rank + spec.min_above_baseline),
    )
