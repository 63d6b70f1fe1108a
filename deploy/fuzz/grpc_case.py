"""One call of a fuzz run: which method, which messages, and what comes with it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from deploy.fuzz.garbage import Garbage
from deploy.fuzz.grpc_surface import Target
from deploy.fuzz.mutations import mutated

Metadata = tuple[tuple[str, str | bytes], ...]

GOOD: Final = 0.1
"""Share of calls that are as they should be: they must be answered whatever came before them."""

KEYS: Final = (
    "x",
    "x-api-key",
    "authorization",
    "traceparent",
    "baggage",
    "x-a.b_c-0",
    "accept-encoding",
    "te2",
    "host2",
)
VALUES: Final = (
    "", " ", "Bearer ", "Bearer a.b.c", "bearer x", "Basic eDp5", "00-0-0-0", "a.b", "a" * 2_000, "%00%ff", "nan",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-ff", "~!@#$%^&*()",
)  # fmt: skip
TIMEOUTS_S: Final = (5.0, 5.0, 5.0, 5.0, 0.2, 0.001, 0.0)


class Case(NamedTuple):
    """One call."""

    target: Target
    messages: tuple[bytes, ...]
    metadata: Metadata
    timeout_s: float
    is_good: bool = False


class Cases:
    """Makes calls by chance, to every method alike. ``seeds`` are good requests of some methods, by path."""

    def __init__(
        self,
        targets: Sequence[Target],
        seeds: Mapping[str, Sequence[bytes]],
        words: Sequence[bytes],
        generator: random.Random,
    ) -> None:
        self._targets = targets
        self._seeds = seeds
        self._random = generator
        self._garbage = Garbage(generator, words)

    def case(self) -> Case:
        """One more."""
        generator = self._random
        target = generator.choice(self._targets)
        seeds = self._seeds.get(target.path, ())
        if seeds and generator.random() < GOOD:
            return Case(target, (generator.choice(seeds),), (), TIMEOUTS_S[0], is_good=True)
        n = generator.choice((0, 1, 1, 2, 8)) if target.takes_many else 1
        messages = tuple(self._message(target, seeds) for _ in range(n))
        return Case(target, messages, self._metadata(), generator.choice(TIMEOUTS_S))

    def _message(self, target: Target, seeds: Sequence[bytes]) -> bytes:
        generator = self._random
        kind = generator.random()
        if seeds and kind < 0.45:
            return mutated(generator.choice(seeds), generator)
        if kind < 0.8:
            return self._garbage.message(target.request)
        if kind < 0.9:
            return mutated(self._garbage.message(target.request), generator)
        if kind < 0.97:
            return self._garbage.noise()
        return self._garbage.deep() if kind < 0.99 else self._garbage.huge(target.request)

    def _metadata(self) -> Metadata:
        generator = self._random
        if generator.random() < 0.7:
            return ()
        pairs: list[tuple[str, str | bytes]] = []
        for _ in range(generator.choice((1, 1, 2, 5, 20))):
            key = generator.choice(KEYS)
            if generator.random() < 0.2:
                pairs.append((f"{key}-bin", generator.randbytes(generator.randrange(64))))
            else:
                pairs.append((key, generator.choice(VALUES)))
        return tuple(pairs)
