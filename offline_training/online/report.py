"""What one run of the challenger did."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from offline_training.evaluation import AnyEvaluation, figures_of
from offline_training.report import TrainingReport
from offline_training.served.tally import ServedTally


class ChallengeReport(msgspec.Struct, frozen=True, kw_only=True):
    """``outcomes`` are all that it has learned from, ``resumed`` those of them that it knew from a run before.

    ``prequential`` is how good it would have been, None while that cannot be told; ``scored`` the rows that this is of.
    ``training`` tells of the version that was registered; None where nothing had changed since ``version`` was.
    """

    model: str
    outcomes: int
    resumed: int
    served: ServedTally
    scored: int
    prequential: dict[str, float] | None
    version: str
    training: TrainingReport | None

    @property
    def exit_code(self) -> int:
        """As of `train`; 0 where nothing was registered."""
        return 0 if self.training is None else self.training.exit_code

    def lines(self) -> Iterator[str]:
        """For people."""
        yield f"{self.model}: {self.outcomes:,} outcomes learned, {self.outcomes - self.resumed:,} of them in this run"
        if self.training is None:
            yield from (f"  {line}" for line in self.served.lines())
        if self.prequential is None:
            yield "  how good it would have been cannot be told yet"
        else:
            figures = ", ".join(f"{name} {value:.4g}" for name, value in self.prequential.items())
            yield f"  on {self.scored:,} scores, each by what it could have known then: {figures}"
        if self.training is None:
            yield f"  nothing new since version {self.version}"
        else:
            yield from self.training.lines()


def figures_told(evaluation: AnyEvaluation | None) -> tuple[int, dict[str, float] | None]:
    """Rows and figures of an evaluation, if there is one."""
    return (0, None) if evaluation is None else (evaluation.rows, figures_of(evaluation))
