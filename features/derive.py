"""Derived columns: a domain's own functions over the columns of a batch, and what their results must be.

The functions come as source text out of the plan, not from the domain's folder, so that whoever decodes a record under
a plan computes what that plan says.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import isnan
from types import MappingProxyType
from typing import Any, Final, Literal

from features.errors import DomainError
from features.plan import ColumnType, DerivedPlan, SourcePlan
from features.quantise import integer_bounds

PYTHON_TYPES: Final[Mapping[ColumnType, type]] = MappingProxyType(
    {
        "string": str,
        "bool": bool,
        "int32": int,
        "int64": int,
        "float32": float,
        "float64": float,
        "timestamp": int,
    }
)
"""What a function is given for a column of each type; an instant is microseconds since 1970."""

Failure = Literal["not_derivable", "out_of_range"]
Refuse = Callable[[int, Failure, str], object]
"""Takes the index of a row, what is wrong, and a text that is the same for the same row at any time."""


class Derivation:
    """One derived column of a source, ready to be computed."""

    def __init__(self, column: DerivedPlan, source: SourcePlan) -> None:
        self.column = column
        self._function: Callable[..., Any] = load_functions(source.functions)[column.function]
        names = [sent.name for sent in source.columns]
        self._ordinals = [names.index(name) for name in column.parameters]
        self._type = PYTHON_TYPES[column.type]

    def compute(self, sent: Sequence[Sequence[Any]], refuse: Refuse) -> list[Any]:
        """Values for a batch, None where null or refused.

        Parameters
        ----------
        sent
            The declared columns, in the plan's order, as they were sent.
        refuse
            Told of each row for which the function raises or gives what is not its type.

        Returns
        -------
        list
            One value a row, of the column's type.

        """
        values = self._call([sent[ordinal] for ordinal in self._ordinals], refuse)
        found = set(map(type, values))
        if self._type is float:
            values = self._to_floats(values, found)
            found = set(map(type, values))
        if not found <= {self._type, types.NoneType} or (types.NoneType in found and not self.column.nullable):
            self._refuse_types(values, refuse)
        if self._type is int:
            self._refuse_far(values, refuse)
        elif self._type is str:
            self._refuse_surrogates(values, refuse)
        return values

    def _call(self, arguments: list[Sequence[Any]], refuse: Refuse) -> list[Any]:
        """Results; a call that raised is refused and has the result ``_Raised``."""
        n = len(arguments[0])
        values: list[Any] = []
        calls = map(self._function, *arguments)
        while len(values) < n:
            problem = "StopIteration"  # which ends `extend` early and in silence
            try:
                values.extend(calls)
            except Exception as error:  # whatever the domain's function raises is the record's fault
                problem = type(error).__name__  # its text may differ from run to run
            if len(values) < n:
                refuse(len(values), "not_derivable", f"{self.column.function}() raised {problem}")
                values.append(_RAISED)
        return values

    def _to_floats(self, values: list[Any], found: set[type]) -> list[Any]:
        """Integers as doubles, where one holds them; NaN as null."""
        if int in found:
            values = [_to_float(value) if type(value) is int else value for value in values]
        if float in found and any(type(value) is float and isnan(value) for value in values):
            values = [None if type(value) is float and isnan(value) else value for value in values]
        return values

    def _refuse_types(self, values: list[Any], refuse: Refuse) -> None:
        for i, value in enumerate(values):
            if type(value) is self._type or (value is None and self.column.nullable):
                continue
            if value is not _RAISED:
                given = "null" if value is None else f"a value of the type {type(value).__name__}"
                refuse(i, "not_derivable", f"{self.column.function}() gave {given}, not {self._type.__name__}")
            values[i] = None

    def _refuse_far(self, values: list[Any], refuse: Refuse) -> None:
        least, most = integer_bounds(self.column)
        numbers = [value for value in values if value is not None]
        if not numbers or (min(numbers) >= least and max(numbers) <= most):
            return
        for i, value in enumerate(values):
            if value is not None and not least <= value <= most:
                refuse(i, "out_of_range", f"{self.column.function}() gave an integer beyond {least} to {most}")
                values[i] = None

    def _refuse_surrogates(self, values: list[Any], refuse: Refuse) -> None:
        for i, value in enumerate(values):
            if value is not None and not value.isascii():
                try:
                    value.encode()
                except UnicodeEncodeError:
                    refuse(i, "not_derivable", f"{self.column.function}() gave a text that UTF-8 cannot hold")
                    values[i] = None


class _Raised:
    """What stands for the result of a call that raised."""


_RAISED = _Raised()


@lru_cache(maxsize=64)
def load_functions(text: str) -> Mapping[str, Callable[..., Any]]:
    """Run a plan's source text as a module of its own; everything that it defines, by name."""
    module = types.ModuleType("_millstream_derivations")
    try:
        exec(compile(text, "<functions of the plan>", "exec"), module.__dict__)  # noqa: S102 - a domain's own code is to run
    except Exception as error:
        raise DomainError(
            "functions of the plan",
            f"cannot be run ({type(error).__name__}: {error})",
            "import only the standard library in transforms.py",
        ) from error
    return MappingProxyType(vars(module))


def _to_float(value: int) -> Any:
    """A double; the integer itself, which is then refused, where none holds it."""
    try:
        return float(value)
    except OverflowError:
        return value
