"""`Aggregation` → `AggregatePlan`: a known function of a fitting column over a sensible window."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from difflib import get_close_matches
from typing import Any

from features.aggregates import AGGREGATES, aggregate_of
from features.aggregates.ewma import MAX_TILES, decay_weights
from features.durations import parse_duration_us
from features.errors import DomainError
from features.plan import AggregatePlan, SourcePlan
from features.windows import default_hop_us

HALF_LIFE = "half_life"
"""Tag of a view: ``half_life.<feature>``; a quarter of the window where there is none."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_MICROSECOND = timedelta(microseconds=1)
LONGEST_WINDOW = timedelta(days=3_660_000)
"""Ten thousand years; instants have 64 bits."""


class HalfLives:
    """The tags ``half_life.<feature>`` of a view: each must be a length of time, and be asked for.

    Parameters
    ----------
    where
        Which view, as errors name it.
    tags
        All tags of the view; those that are no half-life are the domain's own.

    """

    def __init__(self, where: str, tags: Mapping[str, str]) -> None:
        self._where = where
        self._left_us: dict[str, int] = {}
        for tag, text in tags.items():
            head, dot, feature = tag.partition(".")
            if head == HALF_LIFE and dot:
                self._left_us[feature] = self._parse(tag, text)
            elif get_close_matches(head, [HALF_LIFE], cutoff=0.7):
                raise DomainError(
                    f"{where}: tags", f"{tag!r} is no tag of the engine", f"did you mean {HALF_LIFE}.<feature>?"
                )

    def take(self, feature: str) -> int | None:
        """Half-life of a feature in microseconds; None where no tag says it."""
        return self._left_us.pop(feature, None)

    def refuse_unused(self) -> None:
        """DomainError where a half-life is that of no feature that has one."""
        for feature in self._left_us:
            raise DomainError(
                f"{self._where}: tag {HALF_LIFE}.{feature}",
                "names no feature of the view whose function is ewma",
                "correct the name, or remove the tag",
            )

    def _parse(self, tag: str, text: str) -> int:
        where = f"{self._where}: tag {tag}"
        try:
            half_life_us = parse_duration_us(text)
        except ValueError as error:
            raise DomainError(where, str(error), "write a whole number and a unit") from None
        if not half_life_us:
            raise DomainError(where, "is no length of time at all", "give a positive one")
        return half_life_us


def check_name(where: str, name: str) -> None:
    """Refuse names that would be ambiguous in ``view:feature`` or in the store's field names."""
    if not _NAME.fullmatch(name) or "__" in name:
        raise DomainError(
            where, f"the name {name!r} cannot be used", "use letters, digits and single underscores, a letter first"
        )


def compile_aggregation(where: str, aggregation: Any, source: SourcePlan, half_lives: HalfLives) -> AggregatePlan:
    """Check one aggregation of a view and put it into the plan's form."""
    if not aggregation.name:
        raise DomainError(
            f"{where}: Aggregation({aggregation.function} of {aggregation.column})",
            "has no name=, and Feast's automatic names differ between engines",
            "name the feature",
        )
    where = f"{where}: feature {aggregation.name}"
    check_name(where, aggregation.name)
    try:
        aggregate = aggregate_of(aggregation.function)
    except KeyError:
        known = f"{', '.join(sorted(AGGREGATES))}, or p1 to p99"
        raise DomainError(where, f"there is no function {aggregation.function!r}", f"use one of {known}") from None
    try:
        column = source.column(aggregation.column)
    except KeyError:
        raise DomainError(
            where, f"{aggregation.column!r} is no column of topic {source.topic}", "add it to the source's schema"
        ) from None
    if aggregate.numeric and column.decimals is None:
        raise DomainError(
            where,
            f"{aggregation.function} needs a number, {column.name} is {column.type} that is no quantity",
            "aggregate a numeric column that is not an identifier",
        )
    window_us, hop_us = _compile_window(where, aggregation)
    return AggregatePlan(
        name=aggregation.name,
        function=aggregation.function,
        column=column.name,
        window_us=window_us,
        hop_us=hop_us,
        weights=_weights(where, aggregation, window_us, hop_us, half_lives) if aggregate.weighted else (),
    )


def _weights(
    where: str, aggregation: Any, window_us: int | None, hop_us: int | None, half_lives: HalfLives
) -> tuple[int, ...]:
    """What a tile weighs by its age in hops."""
    if window_us is None or hop_us is None:
        raise DomainError(
            f"{where}: time_window",
            f"is missing, and {aggregation.function} weighs events by their age in it",
            "give a length: events older than some half-lives hardly weigh anything",
        )
    if -(-window_us // hop_us) > MAX_TILES:
        raise DomainError(
            f"{where}: slide_interval",
            f"makes {-(-window_us // hop_us)} hops of the window, and each has a weight",
            f"make it long enough for at most {MAX_TILES}",
        )
    half_life_us = half_lives.take(aggregation.name)
    return decay_weights(window_us, hop_us, half_life_us or max(1, window_us // 4))


def _compile_window(where: str, aggregation: Any) -> tuple[int | None, int | None]:
    """Length and hop in microseconds; None and None since ever."""
    window, slide = aggregation.time_window, aggregation.slide_interval
    if window is None:
        if slide:
            raise DomainError(f"{where}: slide_interval", "stands without a time_window", "give both, or neither")
        return None, None
    if window <= timedelta(0):
        raise DomainError(f"{where}: time_window", f"is {window}", "give a positive length, or None for since ever")
    if window > LONGEST_WINDOW:
        raise DomainError(f"{where}: time_window", f"of {window} is longer than time is", "use None for since ever")
    if slide < timedelta(0) or slide > window:
        raise DomainError(
            f"{where}: slide_interval", f"of {slide} does not lie within the window of {window}", "shorten it"
        )
    window_us = window // _MICROSECOND
    if slide != window:
        return window_us, slide // _MICROSECOND
    try:
        return window_us, default_hop_us(window_us)
    except ValueError as error:
        raise DomainError(f"{where}: time_window", str(error), "give a slide_interval shorter than it") from None
