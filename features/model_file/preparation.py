"""What stands between a model's inputs and what its algorithm is given, of ``model.yaml``."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

import math
from typing import Literal, TypeAlias

import msgspec

from features.errors import DomainError
from features.model_file.struct import ModelStruct

TimePart: TypeAlias = Literal["hour", "day_of_week", "is_weekend"]
TIME_PARTS: tuple[TimePart, ...] = ("hour", "day_of_week", "is_weekend")

MOST_WORDS = 10_000
"""Of a vocabulary: rows of training hold a number for each."""

_DAY_MINUTES = 1_440


class TimePartsSpec(ModelStruct, frozen=True, kw_only=True):
    """An input that is an instant since the epoch gives way to these parts of it, so many minutes ahead of UTC."""

    unit: Literal["seconds", "microseconds"] = "seconds"
    parts: tuple[TimePart, ...] = TIME_PARTS
    offset_minutes: int = 0


class RatioSpec(ModelStruct, frozen=True, kw_only=True):
    """One input over another; ``otherwise`` where either is null or infinite, or the denominator zero."""

    numerator: str
    denominator: str
    otherwise: float | None = None


class CategorySpec(ModelStruct, frozen=True, kw_only=True):
    """An input whose values are names gives way to what they stand for.

    ``smoothing`` is how many rows of the average label each category is thought to have besides its own, where there
    are so many categories that labels stand for them.
    """

    smoothing: float = 20.0


class TextSpec(ModelStruct, frozen=True, kw_only=True):
    """Inputs that hold the words of one text give way to what each word of a vocabulary weighs in it (TF-IDF).

    ``words`` is how the names of these inputs begin: each is the number that stands for a word, or null. The
    ``vocabulary`` are the words in most rows, at most so many, each in ``min_rows`` at least.
    """

    words: str
    vocabulary: int = 1_000
    min_rows: int = 2


class PreparationSpec(ModelStruct, frozen=True, kw_only=True):
    """Steps: ``time_parts`` and ``categories`` by input (``view:feature``), ``ratios`` and ``texts`` by a new name."""

    time_parts: dict[str, TimePartsSpec] = msgspec.field(default_factory=dict)
    ratios: dict[str, RatioSpec] = msgspec.field(default_factory=dict)
    categories: dict[str, CategorySpec] = msgspec.field(default_factory=dict)
    texts: dict[str, TextSpec] = msgspec.field(default_factory=dict)


def check_preparation(where: str, spec: PreparationSpec) -> None:
    """Refuse steps that exclude each other, and numbers that cannot be meant."""
    for name in sorted(spec.time_parts.keys() & spec.categories.keys()):
        raise DomainError(f"{where}.categories.{name}", "is one of the time_parts too", "choose one of both")
    for name, instant in spec.time_parts.items():
        if not instant.parts or len(set(instant.parts)) != len(instant.parts):
            raise DomainError(f"{where}.time_parts.{name}.parts", "is empty or names one twice", "name each once")
        if abs(instant.offset_minutes) >= _DAY_MINUTES:
            raise DomainError(f"{where}.time_parts.{name}.offset_minutes", "is a day or more", "say less")
    for name, ratio in spec.ratios.items():
        if ratio.otherwise is not None and not math.isfinite(ratio.otherwise):
            raise DomainError(f"{where}.ratios.{name}.otherwise", "is no number", "leave it out for null")
    for name, text in spec.texts.items():
        if not 1 <= text.vocabulary <= MOST_WORDS:
            raise DomainError(f"{where}.texts.{name}.vocabulary", "is out of range", f"say 1 to {MOST_WORDS:,} words")
        if text.min_rows < 1:
            raise DomainError(f"{where}.texts.{name}.min_rows", "is less than one", "say one row or more")
    for name, category in spec.categories.items():
        if not 0 < category.smoothing < math.inf:
            raise DomainError(f"{where}.categories.{name}.smoothing", "is not above zero", "say a number of rows")
