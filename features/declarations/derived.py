"""Tags ``derive.<column>`` of a `KafkaSource` → derived columns: typed functions of ``transforms.py``."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from features.declarations.names import check_column_name
from features.declarations.samples import sample_rows
from features.derive import PYTHON_TYPES, Derivation, Failure
from features.errors import DomainError
from features.plan import ColumnType, DerivedPlan, SourcePlan

TAG = "derive"

_RESULTS: Mapping[Any, ColumnType] = {bool: "bool", int: "int64", float: "float64", str: "string"}
_RESULT_REMEDY = "annotate it -> bool, int, float or str, with `| None` where it may be null"


class DerivedColumn(NamedTuple):
    """A derived column before its quantisation is known."""

    type: ColumnType
    nullable: bool
    function: str
    parameters: tuple[str, ...]


def compile_derived(
    where: str,
    tags: Mapping[str, str],
    columns: Mapping[str, tuple[ColumnType, bool]],
    functions: Mapping[str, Callable[..., Any]],
    join_keys: frozenset[str],
) -> dict[str, DerivedColumn]:
    """Derived columns that a source's tags declare, checked against the columns that are sent."""
    derived: dict[str, DerivedColumn] = {}
    for tag, function in tags.items():
        head, dot, name = tag.partition(".")
        if head != TAG or not dot:
            continue
        check_column_name(f"{where}: tag {tag}", name, [*columns, *derived])
        if name in join_keys:
            raise DomainError(f"{where}: tag {tag}", "derives a join key", "send it, or derive another column")
        if function not in functions:
            raise DomainError(
                f"{where}: tag {tag}", f"transforms.py has no function {function!r}", f"it has {sorted(functions)}"
            )
        derived[name] = _derived(function, functions[function], columns)
    return derived


def try_on_samples(source: SourcePlan) -> None:
    """Call the functions of a source as a batch of records would, twice: for what no annotation tells."""
    nullable = [column.nullable for column in source.columns]
    rows = [
        list(row.values())
        for row in sample_rows({column.name: column.type for column in source.columns})
        if all(may or value is not None for may, value in zip(nullable, row.values(), strict=True))
    ]
    sent = list(zip(*rows, strict=True))
    for column in source.derived:
        where = f"transforms.py: {column.function}"
        (values, refused), again = (_outcome(column, source, sent) for _ in range(2))
        if (values, refused) != again:
            raise DomainError(where, "gives two results for one row", "make it a pure function of its arguments")
        breach = next((text for code, text in refused.values() if code == "not_derivable" and "() gave" in text), None)
        if breach is not None or len(refused) == len(rows):
            problem = breach or f"{next(iter(refused.values()))[1]} on every one of {len(rows)} sample rows"
            raise DomainError(where, problem, "mend it: every such record would be a dead letter")


def _outcome(
    column: DerivedPlan, source: SourcePlan, sent: Sequence[Sequence[Any]]
) -> tuple[list[Any], dict[int, tuple[Failure, str]]]:
    """Values, and what was refused, by row."""
    refused: dict[int, tuple[Failure, str]] = {}
    values = Derivation(column, source).compute(sent, lambda at, code, text: refused.setdefault(at, (code, text)))
    return values, refused


def _derived(name: str, function: Callable[..., Any], columns: Mapping[str, tuple[ColumnType, bool]]) -> DerivedColumn:
    """Parameters and result of a function, by its annotations."""
    where = f"transforms.py: {name}"
    if (
        not inspect.isfunction(function)
        or inspect.iscoroutinefunction(function)
        or inspect.isgeneratorfunction(function)
    ):
        raise DomainError(where, "is no plain function", "define it with def, and return the value")
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:
        raise DomainError(where, f"has annotations that cannot be read ({error})", "use plain types") from error
    parameters = []
    for parameter in inspect.signature(function).parameters.values():
        plain = parameter.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD and parameter.default is parameter.empty
        if not plain or parameter.name not in columns:
            problem = f"parameter {parameter.name!r} is " + ("no column of the schema" if plain else "not a plain one")
            raise DomainError(where, problem, f"name plain parameters after columns that are sent: {sorted(columns)}")
        _check_parameter(where, parameter.name, hints.get(parameter.name), *columns[parameter.name])
        parameters.append(parameter.name)
    if not parameters:
        raise DomainError(where, "takes no column", "name a parameter after a column that is sent")
    kind, nullable = _split_optional(hints.get("return"))
    if kind not in _RESULTS:
        raise DomainError(where, "does not say what it gives", _RESULT_REMEDY)
    return DerivedColumn(_RESULTS[kind], nullable, name, tuple(parameters))


def _check_parameter(where: str, name: str, hint: Any, kind: ColumnType, nullable: bool) -> None:
    """Refuse an annotation that is not what the function will be given."""
    wanted = PYTHON_TYPES[kind]
    given, may_be_null = _split_optional(hint)
    if given is not wanted or (nullable and not may_be_null):
        text = f"{wanted.__name__} | None" if nullable else wanted.__name__
        unit = " (microseconds since 1970)" if kind == "timestamp" else ""
        raise DomainError(where, f"parameter {name!r} is not annotated as what it will be given", f"write {text}{unit}")


def _split_optional(hint: Any) -> tuple[Any, bool]:
    """``X | None`` as X and True, any other annotation as itself and False."""
    if typing.get_origin(hint) not in {types.UnionType, typing.Union}:
        return hint, False
    kinds = [kind for kind in typing.get_args(hint) if kind is not types.NoneType]
    return (kinds[0], True) if len(kinds) == 1 and len(typing.get_args(hint)) == 2 else (hint, False)
