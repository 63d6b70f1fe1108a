"""Asks the scorer all through a run, whatever happens meanwhile, so that there are records of every moment."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from deploy.faults.payments import HOUR_US, N_ACCOUNTS, Payments, account_id
from features.errors import UnavailableError
from grpc_api.client import Client

N_ASKED: Final = 250
"""Accounts that are asked for: all that `verify` has to read again."""
N_QUESTIONS: Final = 3_000
"""Answers of a long run at most: each is proven over the whole history of its account."""
SHORTEST_WAIT_S: Final = 0.05
DEADLINE_S: Final = 2.0

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Questions(threading.Thread):
    """A thread that asks for scores as of about now in event time. An outage is an answer; any other failure is kept.

    Parameters
    ----------
    address
        The scorer's.
    payments
        Where event time stands.
    seconds
        How long the run is to take.

    """

    def __init__(self, address: str, payments: Payments, *, seconds: float) -> None:
        super().__init__(name="questions", daemon=True)
        self._address = address
        self._payments = payments
        self._wait_s = max(SHORTEST_WAIT_S, seconds / N_QUESTIONS)
        self._ended = threading.Event()
        self.n_answered = 0
        self.n_refused = 0
        """Calls that were told of an outage, or not answered in time."""
        self.failure: Exception | None = None

    def end(self) -> None:
        """Ask no more."""
        self._ended.set()
        if self.is_alive():
            self.join()

    def run(self) -> None:
        """See `threading.Thread`."""
        chance = random.Random(self._payments.seed)  # noqa: S311 - no secret
        accounts = chance.sample(range(N_ACCOUNTS), N_ASKED)
        with Client(self._address, deadline_s=DEADLINE_S) as client:
            while not self._ended.wait(self._wait_s):
                as_of_us = self._payments.now_us + chance.randrange(-HOUR_US, HOUR_US)
                try:
                    client.score(
                        {"account": account_id(chance.choice(accounts))},
                        as_of=_EPOCH + timedelta(microseconds=as_of_us),
                    )
                    self.n_answered += 1
                except UnavailableError:
                    self.n_refused += 1
                except Exception as error:
                    self.failure = error
                    return
