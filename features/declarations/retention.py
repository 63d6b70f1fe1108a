"""How long a topic's records stay in the lake: the tag ``retention``, held against what its views look back on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from features.durations import parse_duration_us
from features.errors import DomainError
from features.plan import ViewPlan


def compile_retention(source: Any, views: Iterable[ViewPlan]) -> int | None:
    """Microseconds that records of a source are kept; None for ever.

    It stands with the windows, not in the settings, because they decide how short it may be. A view's hash does not
    cover it: to keep records for another time changes no state.
    """
    text = source.tags.get("retention")
    if text is None:
        return None
    where = f"KafkaSource {source.name}: tag retention"
    try:
        keep_us = parse_duration_us(text)
    except ValueError as error:
        raise DomainError(where, str(error), "write a whole number and a unit, or remove it") from None
    for view in views:
        if source.kafka_options.topic not in view.topics:
            continue
        for feature in view.features:
            if feature.window_us is None or feature.hop_us is None:
                raise DomainError(
                    where,
                    f"would drop events that {view.name}:{feature.name} counts since ever",
                    "remove the tag, or give the feature a time_window",
                )
            if keep_us < feature.window_us + feature.hop_us:
                raise DomainError(
                    where,
                    f"of {text} is shorter than {view.name}:{feature.name} looks back on (its time_window and one hop)",
                    "keep records longer, or shorten the window",
                )
    return keep_us
