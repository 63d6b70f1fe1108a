"""What of the store goes into scores: read within its share of the time that a call has, or done without, by policy."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from features.errors import StoreUnavailableError, UnavailableError
from features.nouns import KeyValue
from features.vector import StoreDown
from grpc_api.births import Births
from grpc_api.call import Call
from grpc_api.lookup import Fetched, Fetcher
from grpc_api.patience import Patience
from grpc_api.served_model import Inputs, ServedModel

logger: Final = structlog.get_logger(__name__)

COMPLAIN_S: Final = 60.0


class Reads:
    """Reads states for calls.

    Parameters
    ----------
    fetcher
        The way to the store.
    share
        Part of the time that a call has left which a read may take.
    store_down
        What becomes of a score without the store, where its model does not say.

    """

    def __init__(self, fetcher: Fetcher, *, share: float, store_down: StoreDown) -> None:
        self._fetcher = fetcher
        self._share = share
        self._store_down: StoreDown = store_down
        self._patience = Patience()
        self._complain_after_s = 0.0

    async def read(self, inputs: Inputs, entities: Sequence[Mapping[str, KeyValue]], call: Call) -> Fetched:
        """States of all views for all entities; UnavailableError where they cannot be had in time."""
        fetching = self._fetcher.fetch(inputs.views, inputs.keys, entities)
        remaining_s = call.remaining_s()
        if remaining_s is None:
            return await fetching
        share_s = max(0.0, remaining_s) * self._share
        try:
            return await self._patience.until(time.monotonic() + share_s, fetching)
        except TimeoutError:
            raise StoreUnavailableError(
                "store", f"no answer in {share_s * 1e3:.0f} ms, its share of the call"
            ) from None

    async def read_or_default(
        self, model: ServedModel, entities: Sequence[Mapping[str, KeyValue]], call: Call
    ) -> Fetched:
        """The same for a score; where its policy is to do without, rows that were not read."""
        try:
            return await self.read(model.inputs, entities, call)
        except UnavailableError as error:
            if not does_without_store(model, self._store_down):
                raise
            now_s = time.monotonic()
            if now_s >= self._complain_after_s:
                self._complain_after_s = now_s + COMPLAIN_S
                logger.warning("scoring_without_store", model=model.name, problem=str(error))
            return Fetched(Births(), [None] * len(entities))


def does_without_store(model: ServedModel, otherwise: StoreDown) -> bool:
    """Whether a model is to be scored without the store, and can be."""
    assembler = model.inputs.assembler
    return assembler.can_do_without_store and (assembler.missing.store_down or otherwise) == "default"
