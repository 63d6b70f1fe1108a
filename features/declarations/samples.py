"""Rows on which a domain's functions are tried at ``apply``, before a record or a request does it."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from features.plan import ColumnType

N_SAMPLES = 200
_SEED = 20_231


def sample_rows(kinds: Mapping[str, ColumnType], counts: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Rows that reach the corners: all null, all zero, then mixtures of one seed; ``counts`` are never negative."""
    yield dict.fromkeys(kinds)
    yield {name: _plain(kind, 0) for name, kind in kinds.items()}
    chance = random.Random(_SEED)  # noqa: S311 - samples, not secrets
    for _ in range(N_SAMPLES):
        yield {name: _drawn(kind, 0 if name in counts else -3, chance) for name, kind in kinds.items()}


def _plain(kind: ColumnType, number: int) -> Any:
    if kind == "string":
        return str(number)
    if kind == "bool":
        return number % 2 == 1
    return float(number) if kind.startswith("float") else number


def _drawn(kind: ColumnType, least: int, chance: random.Random) -> Any:
    """One value: null or zero now and then, else of any size."""
    if chance.random() < 0.1:
        return None
    if chance.random() < 0.1:
        return _plain(kind, 0)
    if kind.startswith("float"):
        return chance.uniform(-1.0, 1.0) * 10.0 ** chance.randint(-3, 9)
    return _plain(kind, chance.randint(least, 10_000))
