"""`OnDemandFeatureView` → `RequestFeaturePlan`: request-time features, each the function of its name.

The engine runs ``transforms.py``; Feast runs the view's own function. Both are run here on sample rows, and a
difference is refused.
"""

from __future__ import annotations

import inspect
import math
import random
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from feast.types import Bool, Float32, Float64, Int32, Int64, String, UnixTimestamp

from features.declarations.view import check_name
from features.errors import DomainError
from features.plan import ColumnType, ParameterPlan, RequestFeaturePlan, ViewPlan

_REQUEST_TYPES: tuple[tuple[Any, ColumnType], ...] = (
    (String, "string"),
    (Int32, "int32"),
    (Int64, "int64"),
    (Float32, "float32"),
    (Float64, "float64"),
    (Bool, "bool"),
    (UnixTimestamp, "timestamp"),
)
_SAMPLES = 200
_SEED = 20_231


def compile_request_view(
    view: Any, views: Mapping[str, ViewPlan], functions: Mapping[str, Callable[..., Any]]
) -> tuple[RequestFeaturePlan, ...]:
    """Check one on-demand view against ``transforms.py`` and put its features into the plan's form."""
    where = f"OnDemandFeatureView {view.name}"
    check_name(where, view.name)
    if str(getattr(view.mode, "value", view.mode)) != "python" or not view.singleton:
        raise DomainError(f"{where}: mode", "is not row by row", 'declare it with mode="python", singleton=True')
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
        kinds = {f.name: f.function for f in plan.features}
        for name in sorted(field.name for field in projection.features):
            add(ParameterPlan(name=name, view=plan.name, type="int64" if kinds[name] == "count" else "float64"))
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
        raise DomainError(
            f"{where}: feature {name}", "has no function of its name in transforms.py", f"define {name}()"
        )
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
    names = sorted(feature.name for feature in features)
    for row in _sample_rows(inputs):
        theirs = _call(f"{where}: its function", view.feature_transformation.udf, row, (_feast_row(row, inputs),))
        if not isinstance(theirs, dict) or sorted(theirs) != names:
            given = sorted(theirs) if isinstance(theirs, dict) else type(theirs).__name__
            raise DomainError(f"{where}: its function", f"gives {given}", f"return a dict of exactly {names}")
        for feature in features:
            arguments = tuple(row[parameter.name] for parameter in feature.parameters)
            ours = _call(f"transforms.py: {feature.name}", functions[feature.name], row, arguments)
            again = functions[feature.name](*arguments)
            if not _same(ours, again):
                raise DomainError(f"transforms.py: {feature.name}", "gives two results for one row", "make it pure")
            if not _same(ours, theirs[feature.name]):
                raise DomainError(
                    f"{where}: feature {feature.name}",
                    f"is {theirs[feature.name]!r} in Feast and {ours!r} by transforms.py on {row}",
                    "let the view's function call the one in transforms.py with the inputs of its parameters' names",
                )


def _call(where: str, function: Callable[..., Any], row: Mapping[str, Any], arguments: tuple[Any, ...]) -> Any:
    """Result of a domain's function; its error, or a result that is no number, as a refusal."""
    try:
        result = function(*arguments)
    except Exception as error:
        raise DomainError(
            where, f"raises {type(error).__name__} ({error}) on {row}", "handle nulls, zeros and large numbers"
        ) from error
    if isinstance(result, dict) or result is None or (isinstance(result, int | float) and not isinstance(result, bool)):
        return result
    raise DomainError(where, f"gives {type(result).__name__} {result!r} on {row}", "return a number or None")


def _same(left: Any, right: Any) -> bool:
    """Same null, or same double to the bit (any NaN equals any)."""
    if left is None or right is None:
        return left is right
    left, right = float(left), float(right)
    return (math.isnan(left) and math.isnan(right)) or struct.pack("<d", left) == struct.pack("<d", right)


def _feast_row(row: Mapping[str, Any], inputs: Mapping[str, ParameterPlan]) -> dict[str, Any]:
    """The row as Feast hands it over: by bare name, and by ``view__feature``."""
    full = {f"{plan.view}__{name}": row[name] for name, plan in inputs.items() if plan.view is not None}
    return {**row, **full}


def _sample_rows(inputs: Mapping[str, ParameterPlan]) -> Iterator[dict[str, Any]]:
    """Rows that reach the corners: all null, all zero, then mixtures from a fixed seed."""
    yield dict.fromkeys(inputs)
    yield {name: _plain(plan.type, 0) for name, plan in inputs.items()}
    chance = random.Random(_SEED)  # noqa: S311 - samples, not secrets
    for _ in range(_SAMPLES):
        yield {name: _drawn(plan, chance) for name, plan in inputs.items()}


def _plain(kind: ColumnType, number: int) -> Any:
    if kind == "string":
        return str(number)
    if kind == "bool":
        return number % 2 == 1
    return float(number) if kind.startswith("float") else number


def _drawn(plan: ParameterPlan, chance: random.Random) -> Any:
    """One value: null or zero now and then, else of any size."""
    if chance.random() < 0.1:
        return None
    if chance.random() < 0.1:
        return _plain(plan.type, 0)
    if plan.type.startswith("float"):
        return chance.uniform(-1.0, 1.0) * 10.0 ** chance.randint(-3, 9)
    return _plain(plan.type, chance.randint(-3 if plan.view is None else 0, 10_000))
