"""``model.yaml``: what a domain says about its models and its demo.

`features.model_file.spec` holds the types, `features.model_file.reading` the refusals of what types cannot exclude.
"""

from features.model_file.approval import KEY_PREFIX, Approval, ChecksSpec
from features.model_file.card import CardSpec
from features.model_file.dataset import DRAWN_PLACES, DatasetSpec
from features.model_file.judging import (
    LOWER_IS_BETTER,
    TARGETS,
    CostSpec,
    EvaluationSpec,
    FairnessSpec,
    ThresholdSpec,
)
from features.model_file.preparation import CategorySpec, PreparationSpec, RatioSpec, TextSpec, TimePart, TimePartsSpec
from features.model_file.reading import MODEL_FILE, read_model_file
from features.model_file.search import CalibrationMethod, ClassWeights, SearchSpec
from features.model_file.served import ChallengerSpec, ServedSpec
from features.model_file.spec import (
    DecisionSpec,
    DemoSpec,
    GateSpec,
    ModelFile,
    ModelSpec,
    SplitSpec,
)
from features.model_file.struct import ModelStruct
from features.model_file.validation import Check, ValidationSpec, Waiver

__all__ = [
    "DRAWN_PLACES",
    "KEY_PREFIX",
    "LOWER_IS_BETTER",
    "MODEL_FILE",
    "TARGETS",
    "Approval",
    "CalibrationMethod",
    "CardSpec",
    "CategorySpec",
    "ChallengerSpec",
    "Check",
    "ChecksSpec",
    "ClassWeights",
    "CostSpec",
    "DatasetSpec",
    "DecisionSpec",
    "DemoSpec",
    "EvaluationSpec",
    "FairnessSpec",
    "GateSpec",
    "ModelFile",
    "ModelSpec",
    "ModelStruct",
    "PreparationSpec",
    "RatioSpec",
    "SearchSpec",
    "ServedSpec",
    "SplitSpec",
    "TextSpec",
    "ThresholdSpec",
    "TimePart",
    "TimePartsSpec",
    "ValidationSpec",
    "Waiver",
    "read_model_file",
]
