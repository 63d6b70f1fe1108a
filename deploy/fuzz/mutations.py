"""A good message made a little wrong: what passes the first checks, and is refused or not by the next."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

Mutation: TypeAlias = Callable[[bytearray, random.Random], None]


def flip(data: bytearray, generator: random.Random) -> None:
    """One bit the other way."""
    if data:
        data[generator.randrange(len(data))] ^= 1 << generator.randrange(8)


def replace(data: bytearray, generator: random.Random) -> None:
    """One byte another."""
    if data:
        data[generator.randrange(len(data))] = generator.choice((0, 1, 0x7F, 0x80, 0xFF, generator.randrange(256)))


def truncate(data: bytearray, generator: random.Random) -> None:
    """The end missing."""
    del data[generator.randrange(len(data) + 1) :]


def insert(data: bytearray, generator: random.Random) -> None:
    """Some bytes more."""
    at = generator.randrange(len(data) + 1)
    data[at:at] = generator.randbytes(generator.randrange(1, 9))


def cut(data: bytearray, generator: random.Random) -> None:
    """Some bytes less."""
    at = generator.randrange(len(data) + 1)
    del data[at : at + generator.randrange(1, 9)]


def repeat(data: bytearray, generator: random.Random) -> None:
    """A part of it again, or all of it many times."""
    if len(data) < 1_000 and generator.random() < 0.1:
        data *= generator.choice((2, 50, 500))
        return
    at = generator.randrange(len(data) + 1)
    data += data[at : at + generator.randrange(1, 64)]


def lengthen(data: bytearray, generator: random.Random) -> None:
    """A length, perhaps, that says more than there is."""
    if data:
        at = generator.randrange(len(data))
        data[at : at + 1] = generator.choice(
            (b"\xff\xff\xff\xff\x07", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"\x80\x80\x80\x01")
        )


MUTATIONS: Final[Sequence[Mutation]] = (flip, replace, truncate, insert, cut, repeat, lengthen)


def mutated(data: bytes, generator: random.Random) -> bytes:
    """The message after one mutation or a few."""
    changed = bytearray(data)
    for _ in range(generator.choice((1, 1, 1, 2, 4))):
        generator.choice(MUTATIONS)(changed, generator)
    return bytes(changed)
