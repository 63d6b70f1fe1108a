"""What a training set must be before anything is fitted on it: the suite ``ml_data_quality_suite``, a hard gate."""

from offline_training.validation.card import quality_part
from offline_training.validation.finding import Finding, Verdict
from offline_training.validation.gate import require_passed, validate
from offline_training.validation.inferring import infer_suite
from offline_training.validation.stage import judge_set, require_valid, write_inferred
from offline_training.validation.suite import SUITE, Suite

__all__ = [
    "SUITE",
    "Finding",
    "Suite",
    "Verdict",
    "infer_suite",
    "judge_set",
    "quality_part",
    "require_passed",
    "require_valid",
    "validate",
    "write_inferred",
]
