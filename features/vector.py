"""The one way to a model's input, gone by scorer, trainer and verifier alike.

Finished views and the request's own fields become a vector: request-time features are computed, what is missing is
treated by the model's policy, and a note says where that happened.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter
from types import MappingProxyType
from typing import Any, Final, Literal, NamedTuple, TypeAlias

import msgspec

from features.errors import DomainError, RequestError
from features.nouns import FeatureValue, KeyValue, Note, NoteReason
from features.plan import ColumnType, Plan, RequestFeaturePlan, ViewPlan
from features.transforms import request_function

RequestValue: TypeAlias = KeyValue | float | bool | None
Remedy: TypeAlias = Literal["nan", "fail"] | float
StoreDown: TypeAlias = Literal["fail", "default"]

_NAN = math.nan
_INFINITE = (math.inf, -math.inf)
_ACCEPTED: dict[ColumnType, tuple[type, ...]] = {
    "string": (str,),
    "int32": (int,),
    "int64": (int,),
    "float32": (int, float),
    "float64": (int, float),
    "bool": (bool,),
    "timestamp": (int,),
}


class MissingPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in for a missing feature: NaN, a number, or the refusal of the request.

    ``features`` overrides ``default`` by ``view:feature``. Missing is what has an unknown entity, is stale or was
    not supplied, and each request-time feature that needs such a value; the null of an empty window is a value.
    ``store_down`` says whether all that is in the store is missing too while it cannot be read, or the request is
    refused; None: as the scorer has it.
    """

    default: Remedy = "nan"
    features: dict[str, Remedy] = {}
    store_down: StoreDown | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that no model may be given and no record could hold."""
        if not all(
            isinstance(remedy, str) or math.isfinite(remedy) for remedy in (self.default, *self.features.values())
        ):
            raise ValueError("a default is a finite number; say nan for NaN")

    def of(self, feature: str) -> Remedy:
        """Remedy for one feature."""
        return self.features.get(feature, self.default)


class ViewValues(msgspec.Struct, frozen=True, gc=False):
    """Finished features of one view; ``newest_us`` None says that the entity is unknown to it."""

    values: Sequence[FeatureValue]
    newest_us: int | None


UNREAD: Final = ViewValues((), None)
"""In place of a view's values: they could not be read."""


class Vector(msgspec.Struct, frozen=True, gc=False):
    """A model's input, NaN for null, and what there is to say of it."""

    values: list[float]
    notes: list[Note]


_Pick: TypeAlias = Callable[[Sequence[FeatureValue]], Sequence[FeatureValue]]


class _StreamInput(NamedTuple):
    view: str
    ordinal: int


class _RequestInput(NamedTuple):
    function: Callable[..., float | None]
    arguments: tuple[tuple[str | None, int, str], ...]  # (view, ordinal, name); view None: a request field


class Assembler:
    """Builds the vectors of one feature service.

    Parameters
    ----------
    plan, service
        The compiled plan and the name of the service.
    functions
        Request-time features by name, from the domain's ``transforms.py``.
    missing
        The model's policy.

    Attributes
    ----------
    names
        ``view:feature`` in the order of the vector.
    views
        Views that must be fetched.
    request_fields
        Fields that a request may supply, with their types.
    can_do_without_store
        Whether the policy has something to put in place of every feature that comes from a view.
    places
        Number of the view, and of the feature in it, that each value of the vector comes from; None where some are of
        the request.

    """

    def __init__(
        self,
        plan: Plan,
        service: str,
        functions: Mapping[str, Callable[..., Any]],
        missing: MissingPolicy = MissingPolicy(),
    ) -> None:
        declared = plan.service(service)
        self.names = declared.feature_names
        self.views: tuple[ViewPlan, ...] = plan.views_of_service(service)
        self.missing = missing
        unknown = sorted(set(missing.features) - set(self.names))
        if unknown:
            raise DomainError(
                f"service {service}",
                f"has no feature {unknown[0]} to set a missing-value policy for",
                "use view:feature",
            )
        by_name = {view.name: view for view in self.views}
        asked = {(feature.view, feature.name): feature for feature in plan.request_features}
        self._ttl_us = {view.name: view.ttl_us for view in self.views}
        fields: dict[str, ColumnType] = {}
        self._inputs: list[_StreamInput | _RequestInput] = []
        for ref in declared.features:
            if ref.kind == "stream":
                self._inputs.append(_StreamInput(ref.view, by_name[ref.view].feature_names.index(ref.feature)))
            else:
                request = asked[ref.view, ref.feature]
                fields.update({p.name: p.type for p in request.parameters if p.view is None})
                self._inputs.append(_request_input(request, by_name, functions))
        self._picks = _picks(self._inputs)
        order = [view.name for view in self.views]
        streamed = [(order.index(each.view), each.ordinal) for each in self._inputs if isinstance(each, _StreamInput)]
        self.places = streamed if len(streamed) == len(self._inputs) else None
        self.can_do_without_store = all(
            missing.of(name) != "fail" for name, source in zip(self.names, self._inputs, strict=True) if _reads(source)
        )
        self.request_fields: Mapping[str, ColumnType] = MappingProxyType(fields)
        self._accepted = {name: _ACCEPTED[kind] for name, kind in fields.items()}

    def assemble(
        self, as_of_us: int, views: Mapping[str, ViewValues], request: Mapping[str, RequestValue] = MappingProxyType({})
    ) -> Vector:
        """Vector of one row.

        Parameters
        ----------
        as_of_us
            Instant of the request; staleness is measured at it.
        views
            Finished values of each view of ``views``.
        request
            Fields that the request supplies; null and NaN count as not supplied (a record, in JSON, has one for both).

        Raises
        ------
        RequestError
            A request field is unknown, infinite or of the wrong type, or the policy refuses a missing feature.

        """
        self._check(request)
        notes: list[Note] = []
        missing: dict[str, NoteReason] = {}
        for view, ttl_us in self._ttl_us.items():
            newest_us = views[view].newest_us
            if views[view] is UNREAD:
                missing[view] = "store_unavailable"
            elif newest_us is None:
                missing[view] = "unknown_entity"
            elif as_of_us < newest_us:
                notes.append(Note(feature=view, reason="as_of_behind_state"))
            elif ttl_us and as_of_us - newest_us > ttl_us:
                missing[view] = "stale"
        if not missing and self._picks is not None:
            streamed = [value for view, pick in self._picks for value in pick(views[view].values)]
            return Vector([_NAN if value is None else float(value) for value in streamed], notes)
        values: list[float] = []
        for name, source in zip(self.names, self._inputs, strict=True):
            value: FeatureValue
            reason: NoteReason | None
            if isinstance(source, _StreamInput):
                reason = missing.get(source.view)
                value = None if reason else views[source.view].values[source.ordinal]
            else:
                value, reason = self._request_value(source, views, request, missing)
            if reason is None:
                values.append(_NAN if value is None else float(value))
            else:
                values.append(self._remedied(name, reason, notes))
        return Vector(values, notes)

    def supplied(self, values: Sequence[float], names: Sequence[str] = ()) -> Vector:
        """Vector of one row that the caller gives whole, instead of what it would be assembled from.

        Parameters
        ----------
        values
            NaN for null, which is a value like others here.
        names
            Of the values, in any order; what is not named is missing. Empty: the values are in the order of `names`.

        Raises
        ------
        RequestError
            There are too many values or too few, a name is unknown or comes twice, a value is infinite, or the policy
            refuses a missing feature.

        """
        notes: list[Note] = []
        if names:
            given = self._named(values, names)
            values = [
                given[name] if name in given else self._remedied(name, "not_supplied", notes) for name in self.names
            ]
        elif len(values) != len(self.names):
            raise RequestError("vector", f"has {len(values)} values", f"the model takes {', '.join(self.names)}")
        if any(map(math.isinf, values)):
            wrong = next(name for name, value in zip(self.names, values, strict=True) if math.isinf(value))
            raise RequestError(wrong, "is infinite", "send a number, or NaN")
        return Vector(list(values), notes)

    def _named(self, values: Sequence[float], names: Sequence[str]) -> dict[str, float]:
        if len(values) != len(names):
            raise RequestError("vector", f"has {len(values)} values and {len(names)} names", "name each value")
        given = dict(zip(names, values, strict=True))
        if len(given) != len(names):
            raise RequestError("vector", "names a feature twice", "name each once")
        unknown = sorted(given.keys() - set(self.names))
        if unknown:
            raise RequestError(unknown[0], "is no input of this model", f"its inputs are {', '.join(self.names)}")
        return given

    def _request_value(
        self,
        source: _RequestInput,
        views: Mapping[str, ViewValues],
        request: Mapping[str, RequestValue],
        missing: Mapping[str, NoteReason],
    ) -> tuple[FeatureValue, NoteReason | None]:
        """Value of a request-time feature; missing where a field was not supplied or a view it needs is missing."""
        arguments: list[Any] = []
        for view, ordinal, name in source.arguments:
            if view is None:
                argument = request.get(name)
                if argument is None or argument != argument:
                    return None, "not_supplied"
                arguments.append(argument)
            elif view in missing:
                return None, missing[view]
            else:
                arguments.append(views[view].values[ordinal])
        value = source.function(*arguments)
        return (value if value is not None and math.isfinite(value) else None), None

    def _remedied(self, name: str, reason: NoteReason, notes: list[Note]) -> float:
        """What the policy puts in place of a missing feature."""
        remedy = self.missing.of(name)
        if remedy == "fail":
            raise RequestError(name, f"is missing ({reason})", "the model's policy refuses a score without it")
        if remedy == "nan":
            notes.append(Note(feature=name, reason=reason))
            return _NAN
        notes.append(Note(feature=name, reason=reason, defaulted=True))
        return float(remedy)

    def _check(self, request: Mapping[str, RequestValue]) -> None:
        for name, value in request.items():
            accepted = self._accepted.get(name)
            if accepted is None:
                raise RequestError(
                    name, "is not a request field of this service", f"known are {sorted(self._accepted)}"
                )
            if value is not None and (
                not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted)
            ):
                wanted = self.request_fields[name]
                raise RequestError(name, f"is a {type(value).__name__}", f"the declaration says {wanted}")
            if value in _INFINITE:
                raise RequestError(name, "is infinite", "send a number, or nothing")


def _picks(
    inputs: Sequence[_StreamInput | _RequestInput],
) -> list[tuple[str, _Pick]] | None:
    """Views in the order of the vector, and what takes its features of each; None where some are of the request."""
    streamed = [source for source in inputs if isinstance(source, _StreamInput)]
    if len(streamed) < len(inputs):
        return None
    picks: list[tuple[str, _Pick]] = []
    for view, group in groupby(streamed, key=attrgetter("view")):
        ordinals = [source.ordinal for source in group]
        whole = ordinals == list(range(ordinals[0], ordinals[0] + len(ordinals)))
        picks.append((view, itemgetter(slice(ordinals[0], ordinals[-1] + 1)) if whole else itemgetter(*ordinals)))
    return picks


def _reads(source: _StreamInput | _RequestInput) -> bool:
    """Whether a feature needs anything that is in the store."""
    return isinstance(source, _StreamInput) or any(view is not None for view, _, _ in source.arguments)


def _request_input(
    feature: RequestFeaturePlan, views: Mapping[str, ViewPlan], functions: Mapping[str, Callable[..., Any]]
) -> _RequestInput:
    """Bind a request-time feature to its function and to where its arguments come from."""
    function = request_function(feature, functions)
    arguments = tuple(
        (p.view, 0 if p.view is None else views[p.view].feature_names.index(p.name), p.name) for p in feature.parameters
    )
    return _RequestInput(function, arguments)
