"""How the arms of a model do: recorded scores held against the outcomes of ``labels.sql``.

Intervals of the lift hold at whatever moment they are looked at, and however often; those of one arm's own figures are
the usual ones, for one look.
"""

from offline_training.comparison.compare import Scope, compare
from offline_training.comparison.report import ComparisonReport

__all__ = ["ComparisonReport", "Scope", "compare"]
