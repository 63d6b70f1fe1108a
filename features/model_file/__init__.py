"""``model.yaml``: what a domain says about its models and its demo.

`features.model_file.spec` holds the types, `features.model_file.reading` the refusals of what types cannot exclude.
"""

from features.model_file.reading import MODEL_FILE, read_model_file
from features.model_file.spec import (
    DecisionSpec,
    DemoSpec,
    GateSpec,
    ModelFile,
    ModelSpec,
    ModelStruct,
    SplitSpec,
    TrainedTask,
)

__all__ = [
    "MODEL_FILE",
    "DecisionSpec",
    "DemoSpec",
    "GateSpec",
    "ModelFile",
    "ModelSpec",
    "ModelStruct",
    "SplitSpec",
    "TrainedTask",
    "read_model_file",
]
