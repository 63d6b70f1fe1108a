"""What an address may cost that sends credentials which do not hold: so many proofs, and a line of log now and then.

To look at a signature costs more than all the rest of a refusal; a key, or a token that is known, costs next to
nothing. So whoever shares the address of one who forges tokens, behind a proxy, is let in as always, but for tokens
that are new.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import structlog

from grpc_api.rate_limit import RateLimit
from grpc_api.refusals import DistrustedError, UnauthenticatedError

logger: Final = structlog.get_logger(__name__)

FORGED: Final = 20
FORGED_PER_S: Final = 1.0
"""Tokens that do not hold and are looked at for one address, at once and each second."""

LINES_PER_S: Final = 1 / 60


class Distrust:
    """Remembers the failures of each address for as long as they count."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._forged = RateLimit(FORGED_PER_S, FORGED, monotonic=monotonic)
        self._lines = RateLimit(LINES_PER_S, 1, monotonic=monotonic)

    def check(self, address: str) -> None:
        """Raise DistrustedError where no signature is looked at for this address now."""
        wait_s = self._forged.wait_s(address)
        if wait_s:
            raise DistrustedError(address, wait_s)

    def note(self, address: str, error: UnauthenticatedError) -> None:
        """A call from this address was refused."""
        if error.doubt == "token":
            self._forged.take(address)
        if not self._lines.take(address):
            logger.warning("caller_not_known", address=address, problem=error.problem)
