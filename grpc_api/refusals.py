"""Why the gate turns a call away before any work is done for it."""

from __future__ import annotations

from typing import Literal, TypeAlias

from features.errors import BadInputError, UnavailableError

Doubt: TypeAlias = Literal["none", "key", "token", "expired", "revoked"]
"""Why it is not known who makes a call, for who counts: nothing was sent, or what does not hold, or holds no more."""

Shedding: TypeAlias = Literal["in_flight", "busy", "memory", "rate_limit", "credentials"]
"""Why there is no room for a call, for who counts."""


class UnauthenticatedError(BadInputError):
    """A call does not prove who makes it."""

    def __init__(self, problem: str, remedy: str, doubt: Doubt) -> None:
        super().__init__(f"credentials: {problem}; {remedy}")
        self.problem = problem
        self.remedy = remedy
        self.doubt = doubt


class NotPermittedError(BadInputError):
    """A caller is known, but may not call this method."""

    def __init__(self, client: str, group: str) -> None:
        super().__init__(f"client {client}: may not call methods of group `{group}`; ask for a key that does")
        self.client = client
        self.group = group


class ExhaustedError(UnavailableError):
    """A call would be more than there is room for; it may be made again after ``retry_after_s``."""

    def __init__(self, what: str, problem: str, retry_after_s: float, shedding: Shedding) -> None:
        super().__init__(what, f"{problem}; try again in {retry_after_s:.3g} s")
        self.retry_after_s = retry_after_s
        self.shedding = shedding


class OverloadedError(ExhaustedError):
    """The server has more calls in hand than it can answer in time."""

    def __init__(self, problem: str, retry_after_s: float, shedding: Literal["in_flight", "busy", "memory"]) -> None:
        super().__init__("server", problem, retry_after_s, shedding)


class RateLimitedError(ExhaustedError):
    """One client calls more often than it may."""

    def __init__(self, client: str, retry_after_s: float) -> None:
        super().__init__(f"client {client}", "calls more often than it may", retry_after_s, "rate_limit")
        self.client = client


class DistrustedError(ExhaustedError):
    """Too many tokens came from one address that did not hold, so no more of them are looked at now."""

    def __init__(self, address: str, retry_after_s: float) -> None:
        super().__init__("credentials", f"too many tokens from {address} did not hold", retry_after_s, "credentials")
        self.address = address
