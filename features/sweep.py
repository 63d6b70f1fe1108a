"""Takes out of the store what births that were withdrawn have left in it: their states, and Feast's fields of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from features.feast_layout import field_name, state_field, timestamp_field
from features.store import Birth, Certificate, Store

KEYS_PER_S = 50_000
"""Entities looked at in a second: a store that serves meanwhile is not to feel it."""


class Swept(NamedTuple):
    """A birth that nothing is left of."""

    birth: Birth
    n_fields: int


async def sweep(store: Store, *, keys_per_s: float = KEYS_PER_S) -> list[Swept]:
    """Delete the fields of all births that were dropped; may be broken off and begun again at any time.

    Parameters
    ----------
    store
        Connected. The certificate says what was dropped; a birth that is certified, or being made, is never touched.
    keys_per_s
        Entities that are looked at in a second.

    Returns
    -------
    list of Swept
        The births swept, each with the number of fields that were deleted.

    Raises
    ------
    StoreUnavailableError
        The store was cut off; what was not swept yet is swept the next time.

    """
    dropped = (await store.read_certificate()).dropped
    return [await _sweep_birth(store, birth, keys_per_s) for birth in dropped]


async def _sweep_birth(store: Store, birth: Birth, keys_per_s: float) -> Swept:
    fields = list(leftover_fields(birth, await store.read_certificate()))
    n_fields = 0
    async for keys in store.entity_keys(birth.join_keys):
        n_fields += await store.delete_fields(keys, fields)
        await asyncio.sleep(len(keys) / keys_per_s)
    await store.forget_birth(birth.view, birth.id)
    return Swept(birth, n_fields)


def leftover_fields(birth: Birth, certificate: Certificate) -> Iterator[bytes]:
    """Hash fields that only this dropped birth has put there: of entities with its join keys.

    Parameters
    ----------
    birth
        One that is not certified any more.
    certificate
        What is.

    Yields
    ------
    bytes
        Its state's field, and those fields of Feast that no certified birth with the same join keys writes.

    """
    yield state_field(birth.view, birth.id)
    alike = [other for other in certificate.births if sorted(other.join_keys) == sorted(birth.join_keys)]
    kept = set(feast_fields(alike))
    for field in feast_fields([birth]):
        if field not in kept:
            yield field


def feast_fields(births: Iterable[Birth]) -> Iterator[bytes]:
    """Feast's fields of these births: their features, and the instant at which they stand."""
    for birth in births:
        yield timestamp_field(birth.view)
        for feature in birth.features:
            yield field_name(birth.view, feature)
