"""What ``/predict`` and ``/predict_batch`` take and give."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)
from pydantic.json_schema import WithJsonSchema


def _as_utf8(text: str) -> str:
    """A text, where it is one; JSON can tell halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("has half a character, which no UTF-8 can write") from None
    return text


Text = Annotated[StrictStr, AfterValidator(_as_utf8)]
Integer = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
Key = Text | Integer
Scalar = StrictBool | Integer | StrictFloat | Text | None
Number = StrictFloat | None

SCHEMAS = "#/components/schemas/"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Instance(_Strict):
    """One question: an entity, whose features are fetched, or the features themselves."""

    entity: dict[Text, Key] = Field(default={}, description="Join key to value. Beside features it is only recorded.")
    features: list[Number] | dict[Text, Number] | None = Field(
        default=None,
        description="The model's input: all values in its order, or by name; null has no value. Nothing is fetched.",
    )
    request: dict[Text, Scalar] = Field(default={}, description="Fields that request-time features ask for.")
    as_of: AwareDatetime | None = Field(
        default=None, description="The instant that windows end at, with its offset; left out: the server's clock."
    )
    request_id: Text = Field(default="", description="Comes back; left out: the server makes one.")


class PredictRequest(Instance):
    """One question to one model."""

    model: Text = Field(default="", description="May be left out where one model is served.")
    routing_key: Text = Field(default="", description="What an experiment assigns an arm by; left out: the entity.")


class PredictBatchRequest(_Strict):
    """Questions to one model. An instance that is none fails alone."""

    model: Text = Field(default="", description="May be left out where one model is served.")
    routing_key: Text = Field(
        default="", description="What an experiment assigns an arm by, to all; left out: the entity of each."
    )
    instances: list[Annotated[Any, WithJsonSchema({"$ref": f"{SCHEMAS}Instance"})]]


class Note(BaseModel):
    """Why a feature is not simply what the window arithmetic gave."""

    feature: str
    reason: str
    defaulted: bool = Field(description="Whether the model's policy put a default in its place.")


class Predicted(BaseModel):
    """What a model says of one instance."""

    prediction: str | float = Field(description="The decision; the score where the model decides nothing.")
    probability: float | None = Field(description="Of the positive class, or of the class decided on; else null.")
    confidence: float | None = Field(description="Probability of the likelier class; null where there are none.")
    model_version: str
    request_id: str
    notes: list[Note] | None = Field(default=None, description="Left out where there is nothing to note.")


class PredictResponse(Predicted):
    """The answer to one question."""

    processing_time_ms: float


class RowAnswered(Predicted):
    """An instance that was scored."""

    status: Literal["ok"] = "ok"


class RowFailed(BaseModel):
    """An instance that was not scored, and why."""

    prediction: None = None
    status: Literal["error"] = "error"
    error: str


class PredictBatchResponse(BaseModel):
    """The answers, in the order of the instances."""

    predictions: list[RowAnswered | RowFailed]
    processing_time_ms: float


class Failure(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="What is wrong, where, and what to do.")


class Healthy(BaseModel):
    """Whether there are answers to be had."""

    status: Literal["healthy", "unhealthy"]
    model_loaded: bool
    model_version: str | None = Field(description="Where several models are served, `model:version` of each.")
