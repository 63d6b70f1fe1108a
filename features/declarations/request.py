"""`OnDemandFeatureView` → `RequestFeaturePlan`: request-time features, each the function of its name.

The engine runs ``transforms.py``. Feast's clients run the view's own function, which they build anew from its source
text (Feast 0.67, ``feast/transformation/udf_rehydrate.py``). Both are run here on sample rows, and a difference is
refused. What Feast's registry does at an apply, which calls the function as ``definitions.py`` has it on one row of its
own to infer types, is tried too.
"""

from __future__ import annotations

import inspect
import math
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from feast.transformation.udf_rehydrate import rehydrate_udf_from_source
from feast.types import Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

from features.aggregates import aggregate_of
from features.declarations.aggregation import check_name
from features.declarations.samples import sample_rows
from features.errors import DomainError
from features.plan import NUMERIC, ColumnType, ParameterPlan, RequestFeaturePlan, ViewPlan
from features.transforms import request_function

_REQUEST_TYPES: tuple[tuple[Any, ColumnType], ...] = (
    (String, "string"),
    (Int32, "int32"),
    (Int64, "int64"),
    (Float32, "float32"),
    (Float64, "float64"),
    (Bool, "bool"),
    (UnixTimestamp, "timestamp"),
)
_TEXT_REMEDY = (
    "declare OnDemandFeatureView(…, udf=f, udf_string=inspect.getsource(transforms) + inspect.getsource(f)), "
    "so that the text holds all that it calls"
)
_FEAST_ROW = "'hello world', 1, 1.0, True and the present instant"


def compile_request_view(
    view: Any, views: Mapping[str, ViewPlan], functions: Mapping[str, Callable[..., Any]]
) -> tuple[RequestFeaturePlan, ...]:
    """Check one on-demand view against ``transforms.py`` and put its features into the plan's form."""
    where = f"OnDemandFeatureView {view.name}"
    check_name(where, view.name)
    if str(getattr(view.mode, "value", view.mode)) != "python" or view.singleton:
        raise DomainError(
            f"{where}: mode",
            "is pandas, or singleton, with which Feast answers the first row of a request only",
            'declare it with mode="python" and a function from lists to lists',
        )
    if view.write_to_online_store or view.aggregations:
        raise DomainError(
            where, "is written or aggregated by Feast", "request-time features are computed at the request"
        )
    inputs = _inputs(where, view, views)
    features = []
    for field in view.features:
        check_name(f"{where}: feature {field.name}", field.name)
        if field.dtype != Float64:
            raise DomainError(f"{where}: feature {field.name}", f"is {field.dtype}", "declare it Float64")
        parameters = _parameters(where, field.name, functions, inputs)
        features.append(RequestFeaturePlan(name=field.name, view=view.name, parameters=parameters))
    _compare_on_samples(where, view, features, functions, inputs)
    _require_inferable(where, view)
    return tuple(features)


def _inputs(where: str, view: Any, views: Mapping[str, ViewPlan]) -> dict[str, ParameterPlan]:
    """Everything that the view's functions may take, by parameter name."""
    inputs: dict[str, ParameterPlan] = {}

    def add(parameter: ParameterPlan) -> None:
        if parameter.name in inputs:
            raise DomainError(
                where, f"two of its sources have a field {parameter.name!r}", "rename one, so that parameters are plain"
            )
        inputs[parameter.name] = parameter

    for projection in view.source_feature_view_projections.values():
        plan = views.get(projection.name)
        if plan is None:
            raise DomainError(
                f"{where}: sources", f"{projection.name!r} is no stream feature view", "use stream feature views"
            )
        kinds = {feature.name: aggregate_of(feature.function).value_type for feature in plan.features}
        for name in sorted(field.name for field in projection.features):
            add(ParameterPlan(name=name, view=plan.name, type=kinds[name]))
    keys = {key.name for plan in views.values() for key in plan.keys}
    for source in view.source_request_sources.values():
        for field in source.schema:
            kind = next((kind for dtype, kind in _REQUEST_TYPES if field.dtype == dtype), None)
            if kind is None or field.name in keys:
                problem = "is a join key" if field.name in keys else f"has the type {field.dtype}"
                raise DomainError(
                    f"RequestSource {source.name}: field {field.name}", problem, "rename it, or use a plain type"
                )
            add(ParameterPlan(name=field.name, view=None, type=kind))
    return inputs


def _parameters(
    where: str, name: str, functions: Mapping[str, Callable[..., Any]], inputs: Mapping[str, ParameterPlan]
) -> tuple[ParameterPlan, ...]:
    """Parameters of the function of that name, each one of the inputs."""
    function = functions.get(name)
    if function is None:
        supplied = inputs.get(name)
        if supplied is None or supplied.view is not None or supplied.type not in NUMERIC:
            raise DomainError(
                f"{where}: feature {name}",
                "has no function of its name in transforms.py, and is no number that a request supplies",
                f"define {name}()",
            )
        return (supplied,)
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        plain = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        if not plain or parameter.name not in inputs:
            problem = f"parameter {parameter.name!r} is " + ("no input of the view" if plain else "not a plain one")
            raise DomainError(
                f"transforms.py: {name}", problem, f"name plain parameters after inputs: {sorted(inputs)}"
            )
        parameters.append(inputs[parameter.name])
    return tuple(parameters)


def _compare_on_samples(
    where: str,
    view: Any,
    features: Sequence[RequestFeaturePlan],
    functions: Mapping[str, Callable[..., Any]],
    inputs: Mapping[str, ParameterPlan],
) -> None:
    """Run Feast's function and ours on the same rows; refuse errors, odd results and differences."""
    where = f"{where}: its function"
    function = _rebuilt(where, view)
    kinds = {name: plan.type for name, plan in inputs.items()}
    rows = list(sample_rows(kinds, {name for name, plan in inputs.items() if plan.view is not None}))
    one_by_one = [_call_feast(where, function, features, inputs, [row]) for row in rows]
    at_once = _call_feast(where, function, features, inputs, rows)
    for feature in features:
        name = feature.name
        for at, row in enumerate(rows):
            ours = _call_ours(request_function(feature, functions), feature, row)
            if not _same(ours, _call_ours(request_function(feature, functions), feature, row)):
                raise DomainError(f"transforms.py: {name}", "gives two results for one row", "make it pure")
            for theirs in (one_by_one[at][name][0], at_once[name][at]):
                if not _same(ours, theirs):
                    raise DomainError(
                        f"{where}: feature {name}",
                        f"is {theirs!r} in Feast and {ours!r} by transforms.py on {row}",
                        "let it map the function in transforms.py over the inputs of its parameters' names",
                    )


def _require_inferable(where: str, view: Any) -> None:
    """DomainError where Feast's registry would not take the view: it infers no type of a null."""
    where = f"{where}: its function"
    try:
        view.infer_features()
    except NameError as error:
        raise DomainError(
            where, f"is called by Feast's registry too, where {error}", "import that name in definitions.py"
        ) from error
    except Exception as error:
        raise DomainError(
            where,
            f"gives no float for each feature on the row of which Feast's registry infers types ({error})",
            f"give floats for {_FEAST_ROW}; NaN is null too",
        ) from error


def _rebuilt(where: str, view: Any) -> Callable[..., Any]:
    """The view's function as Feast's clients build it from its source text, without the file's own names."""
    transformation = view.feature_transformation
    function: Callable[..., Any] | None = rehydrate_udf_from_source(
        transformation.udf_string, preferred_name=transformation.udf.__name__
    )
    if function is None:
        raise DomainError(where, "cannot be built from its source text, as Feast's clients do", _TEXT_REMEDY)
    return function


def _call_feast(
    where: str,
    function: Callable[..., Any],
    features: Sequence[RequestFeaturePlan],
    inputs: Mapping[str, ParameterPlan],
    rows: Sequence[Mapping[str, Any]],
) -> dict[str, list[Any]]:
    """What Feast's function gives for rows: one list a feature, as long as the rows are many."""
    lists = {name: [row[name] for row in rows] for name in inputs}
    lists |= {f"{plan.view}__{name}": lists[name] for name, plan in inputs.items() if plan.view is not None}
    try:
        result = function(lists)
    except NameError as error:
        raise DomainError(where, f"is built from its source text alone, where {error}", _TEXT_REMEDY) from error
    except Exception as error:
        raise DomainError(where, _raised(error, rows[0]), "handle nulls, zeros and large numbers") from error
    names = sorted(feature.name for feature in features)
    if not isinstance(result, dict) or sorted(result) != names:
        given = sorted(result) if isinstance(result, dict) else type(result).__name__
        raise DomainError(where, f"gives {given}", f"return a dict of exactly {names}")
    for name, values in result.items():
        if not isinstance(values, list) or len(values) != len(rows):
            raise DomainError(where, f"gives no list of {len(rows)} for {name}", "return a value for each row")
    return result


def _call_ours(function: Callable[..., Any], feature: RequestFeaturePlan, row: Mapping[str, Any]) -> float | None:
    """Result of the function in ``transforms.py``; its error, or a result that is no number, as a refusal."""
    where = f"transforms.py: {feature.name}"
    try:
        result = function(*(row[parameter.name] for parameter in feature.parameters))
    except Exception as error:
        raise DomainError(where, _raised(error, row), "handle nulls, zeros and large numbers") from error
    if result is not None and (isinstance(result, bool) or not isinstance(result, int | float)):
        raise DomainError(where, f"gives {type(result).__name__} {result!r} on {row}", "return a number or None")
    return result


def _raised(error: Exception, row: Mapping[str, Any]) -> str:
    return f"raises {type(error).__name__} ({error}) on {row}"


def _same(left: Any, right: Any) -> bool:
    """Same null, or same double to the bit (any NaN equals any)."""
    if left is None or right is None:
        return left is right
    left, right = float(left), float(right)
    return (math.isnan(left) and math.isnan(right)) or struct.pack("<d", left) == struct.pack("<d", right)
