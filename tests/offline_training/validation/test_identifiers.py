"""Identifiers are found, and what merely has many values is not taken for one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from offline_training.validation.identifiers import identifiers, is_row_number
from tests.offline_training.validation.training_sets import N_DAYS, N_ENTITIES, honest_set, with_feature


def found(column: Any, keys: Any = None) -> list[str | None]:
    """Columns that are taken for ids once one is added to an honest set."""
    data = with_feature(honest_set(), "v:planted", column)
    return [one.column for one in identifiers(data.names, data.rows, data.keys if keys is None else keys, 0.95)]


ENTITY = np.tile(np.arange(N_ENTITIES), N_DAYS)


@pytest.mark.parametrize(
    "column",
    [
        ENTITY * 7.0 + 100_000.0,
        np.random.default_rng(0).permutation(N_ENTITIES)[ENTITY],
        np.where(np.arange(N_ENTITIES * N_DAYS) % 9 == 0, np.nan, np.sqrt(ENTITY + 2.0)),
    ],
    ids=["spread", "shuffled", "of decimals, with nulls"],
)
def test_an_entity_s_number_is_an_id(column: Any) -> None:
    """One value for each entity that no other has, whatever the values are."""
    assert found(column) == ["v:planted"]


def test_a_row_s_number_is_an_id() -> None:
    """Whole numbers without a gap to speak of, each once, in any order."""
    assert found(np.random.default_rng(0).permutation(N_ENTITIES * N_DAYS)) == ["v:planted"]
    assert is_row_number(np.arange(1_000.0)[::-1])


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).normal(size=len(ENTITY)),
        np.random.default_rng(0).integers(0, 10**7, len(ENTITY)),
        (ENTITY % 40) * 3.0,
        ENTITY * 11.0 + np.repeat(np.arange(N_DAYS), N_ENTITIES),
        np.full(len(ENTITY), 4.0),
        np.full(len(ENTITY), np.nan),
    ],
    ids=["decimals", "large whole numbers", "shared by two", "grows with time", "constant", "null"],
)
def test_what_has_many_values_is_no_id(column: Any) -> None:
    """Values that change over time, or are shared, tell no entity."""
    assert found(column) == []


def test_entities_that_are_seen_once_say_nothing() -> None:
    """Any number with decimals would be an id of entities that are never observed again."""
    n = len(ENTITY)
    assert found(np.random.default_rng(0).normal(size=n), {"payment": pa.array(np.arange(n))}) == []


def test_each_key_of_several_is_asked() -> None:
    """A number of the card is an id even where the customer has several cards."""
    keys = {"customer": pa.array(ENTITY // 2), "card": pa.array(ENTITY)}
    assert found(ENTITY * 3.0, keys) == ["v:planted"]
