"""Scores of the last minutes, by all that they were computed from: the model, the states, and what the request said.

States are fetched for each request all the same, and a state that has changed is another key: an answer is never of
events that have been overtaken. Where a request leaves its instant to the server, a score that was computed for an
earlier one may answer, and the answer's ``as_of`` says which.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from grpc_api.laps import Laps
from grpc_api.lookup import Fetched
from grpc_api.metrics import ScorerMetrics
from grpc_api.scoring import Asked, Scored, score_rows
from grpc_api.served_model import ServedModel

Key: TypeAlias = tuple[object, ...]
_encode: Final = msgspec.msgpack.Encoder().encode


class _Kept(NamedTuple):
    """A score, and until when it answers."""

    scored: Scored
    expires_s: float


class ScoreCache:
    """Scores rows, those that it knows without computing them. Of the loop's own thread.

    Parameters
    ----------
    ttl_s
        For how long a score answers.
    max_rows
        How many are kept; the oldest go first.
    metrics
        Told how many were known.

    """

    def __init__(
        self, *, ttl_s: float, max_rows: int, metrics: ScorerMetrics, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._ttl_s = ttl_s
        self._max_rows = max_rows
        self._monotonic = monotonic
        self._kept: dict[Key, _Kept] = {}  # the oldest first: all live equally long
        self._hits = metrics.score_cache.labels("hit")
        self._misses = metrics.score_cache.labels("miss")

    def __len__(self) -> int:
        return len(self._kept)

    def score_rows(
        self, model: ServedModel, rows: Sequence[Asked], fetched: Fetched, now_us: int, laps: Laps
    ) -> list[Scored | Exception]:
        """As `grpc_api.scoring.score_rows`."""
        now_s = self._monotonic()
        self._drop_expired(now_s)
        read = [i for i, asked in enumerate(rows) if asked.vector is None]
        states = dict(zip(read, fetched.rows, strict=True))
        keys = {i: _key(model, rows[i], found) for i, found in states.items() if found is not None}
        known = {i: kept.scored for i, key in keys.items() if (kept := self._kept.get(key)) is not None}
        unknown = [i for i in range(len(rows)) if i not in known]
        left = Fetched(fetched.births, [states[i] for i in unknown if i in states])
        computed = iter(score_rows(model, [rows[i] for i in unknown], left, now_us, laps) if unknown else ())
        self._hits.inc(len(known))
        self._misses.inc(len(unknown))
        return [
            replace(known[i], model=model, asked=asked, scored_at_us=now_us, births=fetched.births)
            if i in known
            else self._keep(keys.get(i), next(computed), now_s)
            for i, asked in enumerate(rows)
        ]

    def _keep(self, key: Key | None, outcome: Scored | Exception, now_s: float) -> Scored | Exception:
        if key is not None and isinstance(outcome, Scored):
            self._kept.pop(key, None)  # twice in one batch
            if len(self._kept) == self._max_rows:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = _Kept(outcome, now_s + self._ttl_s)
        return outcome

    def _drop_expired(self, now_s: float) -> None:
        kept = self._kept
        while kept and kept[oldest := next(iter(kept))].expires_s <= now_s:
            del kept[oldest]


def _key(model: ServedModel, asked: Asked, states: Sequence[bytes | None]) -> Key:
    """All that a score is computed from. Request fields in MessagePack, which tells 1 from 1.0, true and infinity."""
    request = _encode(asked.request) if asked.request else b""
    return (model.digest, model.plan_hash, asked.as_of_us, request, *states)
