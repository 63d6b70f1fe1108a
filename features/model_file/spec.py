"""What ``model.yaml`` may say, as frozen types that refuse unknown keys."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

from datetime import datetime
from typing import Final

import msgspec

from features.durations import parse_duration_us
from features.head import Task
from features.model_file.approval import Approval, ChecksSpec
from features.model_file.card import CardSpec
from features.model_file.dataset import DRAWN_PLACES, DatasetSpec
from features.model_file.judging import EvaluationSpec, FairnessSpec
from features.model_file.preparation import PreparationSpec
from features.model_file.search import CalibrationMethod, ClassWeights, SearchSpec
from features.model_file.served import ChallengerSpec, ServedSpec
from features.model_file.struct import ModelStruct
from features.model_file.validation import ValidationSpec
from features.vector import MissingPolicy

LABELS_FILE: Final = "labels.sql"


class SplitSpec(ModelStruct, frozen=True, kw_only=True):
    """How observations are split: by time, or by lot where they have no instants.

    Test rows are those of the last ``test_span`` (``0d``: of the last instant alone); training rows end ``gap``
    before the first test row, where None means the label horizon. Or ``test_share`` of the rows are tested, drawn by
    what they hold.
    """

    test_span: str = "0d"
    gap: str | None = None
    test_share: float | None = None


class GateSpec(ModelStruct, frozen=True, kw_only=True):
    """What a model must reach on the test rows before it is published: in ROC AUC, of values in R²."""

    max_below_linear: float = 0.005
    min_above_baseline: float = 0.005


class DecisionSpec(ModelStruct, frozen=True, kw_only=True):
    """What a score means: ``positive`` at or above the threshold, else ``negative``. A value may have none."""

    threshold: float = 0.5
    positive: str
    negative: str


class ModelSpec(ModelStruct, frozen=True, kw_only=True):
    """One model: where its inputs and labels come from, and what it must reach.

    Its observations are what the SQL in ``labels`` yields over the lake, or those of the ``dataset`` if there is one.
    ``classes`` names those of a multiclass model, in the order of their numbers. ``baseline_feature``
    (``view:feature``) alone is the simplest ranking that the model must beat. A clustering and an anomaly model need
    neither that nor a ``horizon``. ``params`` are those of the
    ``algorithm``, which learns from what the ``preparation`` makes of the inputs; with a ``search`` both are but its
    first trial. ``protected`` names columns that no feature of the model may be computed from. ``targets`` are wanted
    values of figures on the tested rows: they gate nothing, and are told.
    ``challenger`` is learned online beside it, where one is stated.
    ``approvers`` are those of the file's ``people`` whose signature lets a version serve, where ``approval`` is human.
    """

    service: str
    task: Task = "binary"
    classes: tuple[str, ...] = ()
    labels: str = LABELS_FILE
    dataset: DatasetSpec | None = None
    horizon: str | None = None
    split: SplitSpec = SplitSpec()
    baseline_feature: str = ""
    gates: GateSpec = GateSpec()
    algorithm: str = "lightgbm"
    params: dict[str, bool | int | float | str] = msgspec.field(default_factory=dict)
    preparation: PreparationSpec = PreparationSpec()
    search: SearchSpec | None = None
    class_weights: ClassWeights = "none"
    calibration: CalibrationMethod | None = None
    seed: int = 0
    missing: MissingPolicy = MissingPolicy()
    decision: DecisionSpec | None = None
    protected: tuple[str, ...] = ()
    validation: ValidationSpec = ValidationSpec()
    targets: dict[str, float] = msgspec.field(default_factory=dict)
    evaluation: EvaluationSpec = EvaluationSpec()
    fairness: FairnessSpec = FairnessSpec()
    card: CardSpec = CardSpec()
    served: ServedSpec = ServedSpec()
    challenger: ChallengerSpec | None = None
    approval: Approval = "human"
    approvers: tuple[str, ...] = ()
    checks: ChecksSpec = ChecksSpec()

    @property
    def not_for_inputs(self) -> frozenset[str]:
        """Columns that no feature of the model may be computed from."""
        return frozenset((*self.protected, *self.fairness.columns))

    @property
    def beside(self) -> tuple[str, ...]:
        """Columns of the labels' SQL that the tested rows are told apart by."""
        segments = (name for name in self.evaluation.segments if ":" not in name)
        return tuple(dict.fromkeys((*segments, *self.fairness.columns)))

    @property
    def n_classes(self) -> int:
        """How many outcomes its labels tell apart: 0 where they are values."""
        return len(self.class_names)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the labels 0, 1, …; none where labels are values."""
        if self.task == "binary" and self.decision is not None:
            return (self.decision.negative, self.decision.positive)
        return self.classes

    @property
    def timed(self) -> bool:
        """Whether observations have instants, by which they are split."""
        return self.split.test_share is None

    @property
    def horizon_us(self) -> int:
        """How long after an observation its label is known, in microseconds; 0 where it has no instant."""
        return 0 if self.horizon is None else parse_duration_us(self.horizon)

    @property
    def gap_us(self) -> int:
        """Time between the last training row and the first test row, in microseconds."""
        return self.horizon_us if self.split.gap is None else parse_duration_us(self.split.gap)

    @property
    def test_span_us(self) -> int:
        """Length of the test period before the last observation, in microseconds; 0 is that instant alone.

        Of rows without instants, among how many of the places that they are drawn for the tested ones are.
        """
        share = self.split.test_share
        return parse_duration_us(self.split.test_span) if share is None else round(share * DRAWN_PLACES)


class DemoSpec(ModelStruct, frozen=True, kw_only=True):
    """What ``millstream demo`` does with this domain; all instants are UTC.

    Events before ``train_at`` are replayed, then ``model`` is trained; at each of ``score_at`` every entity is
    scored. ``rows`` is DuckDB SQL over the lake with the parameter ``$as_of``: entity keys and request fields, one
    row a question; None asks the distinct keys seen before. What then happened is ``labels.sql`` at ``score_at``.
    """

    model: str
    train_at: datetime
    score_at: tuple[datetime, ...]
    rows: str | None = None


class ModelFile(ModelStruct, frozen=True, kw_only=True):
    """The whole file. ``people`` are the public keys of who publishes and approves, by name."""

    people: dict[str, str] = msgspec.field(default_factory=dict)
    models: dict[str, ModelSpec]
    demo: DemoSpec | None = None
