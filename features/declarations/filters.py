"""Tags ``where`` and ``where.<feature>`` of a `StreamFeatureView` → which events an aggregation counts.

A filter is a bool column of the topic, sent or derived: True counts, False and null do not. A filtered aggregation
reads its column through a mask, so that nothing behind the decoder knows of filters.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from features.errors import DomainError
from features.plan import MaskPlan, SourcePlan

TAG = "where"


def compile_filters(
    where: str, tags: Mapping[str, str], columns: Mapping[str, str], source: SourcePlan
) -> dict[str, MaskPlan]:
    """Masks by feature, of the features that are filtered; ``columns`` are what the features aggregate."""
    filters: dict[str, str] = {}
    for tag, column in tags.items():
        head, dot, feature = tag.partition(".")
        if head != TAG:
            if get_close_matches(head, [TAG], cutoff=0.7):
                raise DomainError(f"{where}: tags", f"{tag!r} is no tag of the engine", f"did you mean {TAG}?")
            continue
        _check_filter(f"{where}: tag {tag}", column, source)
        if not dot:
            filters.update(dict.fromkeys(columns, column))
        elif feature not in columns:
            raise DomainError(f"{where}: tag {tag}", "names no aggregation", f"name one of {sorted(columns)}")
        elif TAG in tags:
            raise DomainError(
                f"{where}: tag {tag}", f"stands beside {TAG!r}, which is for all", "derive one column for both"
            )
        else:
            filters[feature] = column
    return {feature: MaskPlan(column=columns[feature], where=column) for feature, column in filters.items()}


def _check_filter(where: str, column: str, source: SourcePlan) -> None:
    kinds = {known.name: known.type for known in source.stored}
    if kinds.get(column) != "bool":
        problem = f"is {kinds[column]}" if column in kinds else "is no column of the topic"
        bools = sorted(name for name, kind in kinds.items() if kind == "bool")
        raise DomainError(
            where,
            f"{column!r} {problem}",
            f"name a bool column (there are {bools}), or derive one: the source's tag derive.{column}",
        )
