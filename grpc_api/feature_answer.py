"""The features of one entity as the protocol has them: each with its value, or why models take it for missing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from features.nouns import FeatureValue, NoteReason, ViewReading
from features.vector import Vector, ViewValues
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.messages import PRESENCES, from_feature, from_note, from_reading, from_us
from grpc_api.served_model import Inputs


def feature_answer(
    inputs: Inputs,
    values: Mapping[str, ViewValues],
    vector: Vector,
    read: Sequence[ViewReading],
    as_of_us: int,
) -> pb.GetFeaturesResponse:
    """The whole answer. ``vector`` was assembled with missing values left as NaN, so it adds request-time features."""
    service = inputs.service
    missing = {note.feature: note.reason for note in vector.notes}
    ordinals = {view.name: view.feature_names for view in inputs.views}
    features = []
    for name, ref, computed in zip(service.feature_names, service.features, vector.values, strict=True):
        value: FeatureValue
        if ref.kind == "stream":
            value = values[ref.view].values[ordinals[ref.view].index(ref.feature)]
        else:
            value = None if math.isnan(computed) else computed
        features.append(pb.Feature(name=name, value=from_feature(value), presence=_presence(value, missing.get(name))))
    return pb.GetFeaturesResponse(
        service=service.name,
        as_of=from_us(as_of_us),
        features=features,
        views=[from_reading(reading) for reading in read],
        notes=[from_note(note) for note in vector.notes],
    )


def _presence(value: FeatureValue, missing: NoteReason | None) -> pb.Feature.Presence:
    if missing is not None:
        return PRESENCES[missing]
    return pb.Feature.NULL if value is None else pb.Feature.PRESENT
