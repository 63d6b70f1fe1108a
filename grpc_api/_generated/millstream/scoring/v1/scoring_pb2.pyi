import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    BINARY: _ClassVar[Task]
    MULTICLASS: _ClassVar[Task]
    REGRESSION: _ClassVar[Task]
    CLUSTERING: _ClassVar[Task]
    ANOMALY: _ClassVar[Task]
TASK_UNSPECIFIED: Task
BINARY: Task
MULTICLASS: Task
REGRESSION: Task
CLUSTERING: Task
ANOMALY: Task

class Value(_message.Message):
    __slots__ = ("text", "integer", "number", "flag")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    INTEGER_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FLAG_FIELD_NUMBER: _ClassVar[int]
    text: str
    integer: int
    number: float
    flag: bool
    def __init__(self, text: _Optional[str] = ..., integer: _Optional[int] = ..., number: _Optional[float] = ..., flag: _Optional[bool] = ...) -> None: ...

class Vector(_message.Message):
    __slots__ = ("values", "names")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedScalarFieldContainer[float]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, values: _Optional[_Iterable[float]] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class ScoreRequest(_message.Message):
    __slots__ = ("entity", "model", "as_of", "request", "request_id", "vector", "routing_key")
    class EntityEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    class RequestEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    ROUTING_KEY_FIELD_NUMBER: _ClassVar[int]
    entity: _containers.MessageMap[str, Value]
    model: str
    as_of: _timestamp_pb2.Timestamp
    request: _containers.MessageMap[str, Value]
    request_id: str
    vector: Vector
    routing_key: str
    def __init__(self, entity: _Optional[_Mapping[str, Value]] = ..., model: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request: _Optional[_Mapping[str, Value]] = ..., request_id: _Optional[str] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ..., routing_key: _Optional[str] = ...) -> None: ...

class ScoreResponse(_message.Message):
    __slots__ = ("score", "raw_score", "decision", "as_of", "newest_feature_age", "notes", "request_id", "model", "version", "arm", "view_hashes", "classes")
    class ViewHashesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORE_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FEATURE_AGE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    VIEW_HASHES_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    score: float
    raw_score: float
    decision: str
    as_of: _timestamp_pb2.Timestamp
    newest_feature_age: _duration_pb2.Duration
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    request_id: str
    model: str
    version: str
    arm: str
    view_hashes: _containers.ScalarMap[str, str]
    classes: _containers.RepeatedCompositeFieldContainer[ClassScore]
    def __init__(self, score: _Optional[float] = ..., raw_score: _Optional[float] = ..., decision: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., newest_feature_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ..., request_id: _Optional[str] = ..., model: _Optional[str] = ..., version: _Optional[str] = ..., arm: _Optional[str] = ..., view_hashes: _Optional[_Mapping[str, str]] = ..., classes: _Optional[_Iterable[_Union[ClassScore, _Mapping]]] = ...) -> None: ...

class ClassScore(_message.Message):
    __slots__ = ("name", "score", "raw_score")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORE_FIELD_NUMBER: _ClassVar[int]
    name: str
    score: float
    raw_score: float
    def __init__(self, name: _Optional[str] = ..., score: _Optional[float] = ..., raw_score: _Optional[float] = ...) -> None: ...

class Note(_message.Message):
    __slots__ = ("feature", "reason", "defaulted")
    class Reason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        REASON_UNSPECIFIED: _ClassVar[Note.Reason]
        UNKNOWN_ENTITY: _ClassVar[Note.Reason]
        STALE: _ClassVar[Note.Reason]
        NOT_SUPPLIED: _ClassVar[Note.Reason]
        AS_OF_BEHIND_STATE: _ClassVar[Note.Reason]
        STORE_UNAVAILABLE: _ClassVar[Note.Reason]
    REASON_UNSPECIFIED: Note.Reason
    UNKNOWN_ENTITY: Note.Reason
    STALE: Note.Reason
    NOT_SUPPLIED: Note.Reason
    AS_OF_BEHIND_STATE: Note.Reason
    STORE_UNAVAILABLE: Note.Reason
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DEFAULTED_FIELD_NUMBER: _ClassVar[int]
    feature: str
    reason: Note.Reason
    defaulted: bool
    def __init__(self, feature: _Optional[str] = ..., reason: _Optional[_Union[Note.Reason, str]] = ..., defaulted: _Optional[bool] = ...) -> None: ...

class ScoreBatchRequest(_message.Message):
    __slots__ = ("model", "as_of", "rows", "routing_key")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    ROUTING_KEY_FIELD_NUMBER: _ClassVar[int]
    model: str
    as_of: _timestamp_pb2.Timestamp
    rows: _containers.RepeatedCompositeFieldContainer[BatchRow]
    routing_key: str
    def __init__(self, model: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., rows: _Optional[_Iterable[_Union[BatchRow, _Mapping]]] = ..., routing_key: _Optional[str] = ...) -> None: ...

class BatchRow(_message.Message):
    __slots__ = ("entity", "as_of", "request", "request_id", "vector")
    class EntityEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    class RequestEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    entity: _containers.MessageMap[str, Value]
    as_of: _timestamp_pb2.Timestamp
    request: _containers.MessageMap[str, Value]
    request_id: str
    vector: Vector
    def __init__(self, entity: _Optional[_Mapping[str, Value]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request: _Optional[_Mapping[str, Value]] = ..., request_id: _Optional[str] = ..., vector: _Optional[_Union[Vector, _Mapping]] = ...) -> None: ...

class ScoreBatchResponse(_message.Message):
    __slots__ = ("model", "version", "arm", "view_hashes", "rows")
    class ViewHashesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    VIEW_HASHES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: str
    arm: str
    view_hashes: _containers.ScalarMap[str, str]
    rows: _containers.RepeatedCompositeFieldContainer[RowResult]
    def __init__(self, model: _Optional[str] = ..., version: _Optional[str] = ..., arm: _Optional[str] = ..., view_hashes: _Optional[_Mapping[str, str]] = ..., rows: _Optional[_Iterable[_Union[RowResult, _Mapping]]] = ...) -> None: ...

class RowResult(_message.Message):
    __slots__ = ("answer", "error")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    answer: ScoreResponse
    error: RowError
    def __init__(self, answer: _Optional[_Union[ScoreResponse, _Mapping]] = ..., error: _Optional[_Union[RowError, _Mapping]] = ...) -> None: ...

class RowError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ...) -> None: ...

class GetFeaturesRequest(_message.Message):
    __slots__ = ("entity", "service", "model", "as_of", "request")
    class EntityEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    class RequestEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: Value
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ...) -> None: ...
    ENTITY_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    entity: _containers.MessageMap[str, Value]
    service: str
    model: str
    as_of: _timestamp_pb2.Timestamp
    request: _containers.MessageMap[str, Value]
    def __init__(self, entity: _Optional[_Mapping[str, Value]] = ..., service: _Optional[str] = ..., model: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., request: _Optional[_Mapping[str, Value]] = ...) -> None: ...

class GetFeaturesResponse(_message.Message):
    __slots__ = ("service", "as_of", "features", "views", "notes")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    VIEWS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    service: str
    as_of: _timestamp_pb2.Timestamp
    features: _containers.RepeatedCompositeFieldContainer[Feature]
    views: _containers.RepeatedCompositeFieldContainer[ViewReading]
    notes: _containers.RepeatedCompositeFieldContainer[Note]
    def __init__(self, service: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., features: _Optional[_Iterable[_Union[Feature, _Mapping]]] = ..., views: _Optional[_Iterable[_Union[ViewReading, _Mapping]]] = ..., notes: _Optional[_Iterable[_Union[Note, _Mapping]]] = ...) -> None: ...

class Feature(_message.Message):
    __slots__ = ("name", "value", "presence")
    class Presence(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        PRESENCE_UNSPECIFIED: _ClassVar[Feature.Presence]
        PRESENT: _ClassVar[Feature.Presence]
        NULL: _ClassVar[Feature.Presence]
        UNKNOWN_ENTITY: _ClassVar[Feature.Presence]
        STALE: _ClassVar[Feature.Presence]
        NOT_SUPPLIED: _ClassVar[Feature.Presence]
    PRESENCE_UNSPECIFIED: Feature.Presence
    PRESENT: Feature.Presence
    NULL: Feature.Presence
    UNKNOWN_ENTITY: Feature.Presence
    STALE: Feature.Presence
    NOT_SUPPLIED: Feature.Presence
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    PRESENCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: Value
    presence: Feature.Presence
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., presence: _Optional[_Union[Feature.Presence, str]] = ...) -> None: ...

class ViewReading(_message.Message):
    __slots__ = ("view", "view_hash", "birth", "positions", "newest")
    VIEW_FIELD_NUMBER: _ClassVar[int]
    VIEW_HASH_FIELD_NUMBER: _ClassVar[int]
    BIRTH_FIELD_NUMBER: _ClassVar[int]
    POSITIONS_FIELD_NUMBER: _ClassVar[int]
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    view: str
    view_hash: str
    birth: str
    positions: _containers.RepeatedCompositeFieldContainer[Position]
    newest: _timestamp_pb2.Timestamp
    def __init__(self, view: _Optional[str] = ..., view_hash: _Optional[str] = ..., birth: _Optional[str] = ..., positions: _Optional[_Iterable[_Union[Position, _Mapping]]] = ..., newest: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Position(_message.Message):
    __slots__ = ("log", "partition", "offset")
    LOG_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    log: str
    partition: int
    offset: int
    def __init__(self, log: _Optional[str] = ..., partition: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("question", "top", "class_name")
    QUESTION_FIELD_NUMBER: _ClassVar[int]
    TOP_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    question: ScoreRequest
    top: int
    class_name: str
    def __init__(self, question: _Optional[_Union[ScoreRequest, _Mapping]] = ..., top: _Optional[int] = ..., class_name: _Optional[str] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("answer", "raw_score", "base", "contributions", "rest", "class_name")
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    RAW_SCORE_FIELD_NUMBER: _ClassVar[int]
    BASE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    REST_FIELD_NUMBER: _ClassVar[int]
    CLASS_NAME_FIELD_NUMBER: _ClassVar[int]
    answer: ScoreResponse
    raw_score: float
    base: float
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    rest: float
    class_name: str
    def __init__(self, answer: _Optional[_Union[ScoreResponse, _Mapping]] = ..., raw_score: _Optional[float] = ..., base: _Optional[float] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., rest: _Optional[float] = ..., class_name: _Optional[str] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("feature", "value", "contribution")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    feature: str
    value: Value
    contribution: float
    def __init__(self, feature: _Optional[str] = ..., value: _Optional[_Union[Value, _Mapping]] = ..., contribution: _Optional[float] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: str
    def __init__(self, model: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[ModelInfo]
    def __init__(self, models: _Optional[_Iterable[_Union[ModelInfo, _Mapping]]] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("model", "version", "arm", "digest", "task", "service", "inputs", "join_keys", "request_fields", "classes", "thresholds", "decisions", "view_hashes", "serving_since", "explainable")
    class ViewHashesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    MODEL_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ARM_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    JOIN_KEYS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELDS_FIELD_NUMBER: _ClassVar[int]
    CLASSES_FIELD_NUMBER: _ClassVar[int]
    THRESHOLDS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    VIEW_HASHES_FIELD_NUMBER: _ClassVar[int]
    SERVING_SINCE_FIELD_NUMBER: _ClassVar[int]
    EXPLAINABLE_FIELD_NUMBER: _ClassVar[int]
    model: str
    version: str
    arm: str
    digest: str
    task: Task
    service: str
    inputs: _containers.RepeatedCompositeFieldContainer[ModelInput]
    join_keys: _containers.RepeatedCompositeFieldContainer[NamedType]
    request_fields: _containers.RepeatedCompositeFieldContainer[NamedType]
    classes: _containers.RepeatedScalarFieldContainer[str]
    thresholds: _containers.RepeatedScalarFieldContainer[float]
    decisions: _containers.RepeatedScalarFieldContainer[str]
    view_hashes: _containers.ScalarMap[str, str]
    serving_since: _timestamp_pb2.Timestamp
    explainable: bool
    def __init__(self, model: _Optional[str] = ..., version: _Optional[str] = ..., arm: _Optional[str] = ..., digest: _Optional[str] = ..., task: _Optional[_Union[Task, str]] = ..., service: _Optional[str] = ..., inputs: _Optional[_Iterable[_Union[ModelInput, _Mapping]]] = ..., join_keys: _Optional[_Iterable[_Union[NamedType, _Mapping]]] = ..., request_fields: _Optional[_Iterable[_Union[NamedType, _Mapping]]] = ..., classes: _Optional[_Iterable[str]] = ..., thresholds: _Optional[_Iterable[float]] = ..., decisions: _Optional[_Iterable[str]] = ..., view_hashes: _Optional[_Mapping[str, str]] = ..., serving_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., explainable: _Optional[bool] = ...) -> None: ...

class ModelInput(_message.Message):
    __slots__ = ("name", "nan", "default", "fail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    NAN_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_FIELD_NUMBER: _ClassVar[int]
    FAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    nan: bool
    default: float
    fail: bool
    def __init__(self, name: _Optional[str] = ..., nan: _Optional[bool] = ..., default: _Optional[float] = ..., fail: _Optional[bool] = ...) -> None: ...

class NamedType(_message.Message):
    __slots__ = ("name", "type")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    name: str
    type: str
    def __init__(self, name: _Optional[str] = ..., type: _Optional[str] = ...) -> None: ...
