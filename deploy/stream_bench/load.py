"""The events of one kind of traffic: made once, sent to every contestant's own topic."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from deploy.bench_stream_traffic import encode_events, single_account, uniform_accounts, zipf_accounts

SEED: Final = 11

Accounts = npt.NDArray[np.int64]
TRAFFIC: Final[dict[str, Callable[[int, int, np.random.Generator], Accounts]]] = {
    "zipf": zipf_accounts,
    "uniform": uniform_accounts,
    "single_key": single_account,
}


class Load(NamedTuple):
    """Who spends, event by event, and the values that say so, up to ``until_us``."""

    traffic: str
    accounts: Accounts
    values: list[bytes]
    until_us: int

    def part(self, share: float) -> Load:
        """The first of the events."""
        n_events = max(1, round(len(self.values) * share))
        return self._replace(accounts=self.accounts[:n_events], values=self.values[:n_events])


def make_load(traffic: str, n_events: int, n_accounts: int) -> Load:
    """The same events each time, but for their instants, which end now."""
    now_us = time.time_ns() // 1_000
    accounts = TRAFFIC[traffic](n_events, n_accounts, np.random.default_rng(SEED))
    return Load(traffic, accounts, encode_events(accounts, now_us), now_us)
