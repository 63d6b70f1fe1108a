"""The Huffman code of header strings, decoded by a table of four bits a step.

References
----------
RFC 7541, section 5.2 and appendix B. The code is canonical, so its lengths say all of it.

"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

EOS: Final = 256
_LENGTHS: Final = (
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28,
    28, 28, 28, 6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12,
    10, 13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, 15, 5, 6,
    5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, 20, 22, 20, 20, 22, 22,
    22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, 22, 21, 20,
    22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28,
    27, 27, 27, 20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28,
    27, 27, 27, 27, 27, 26, 30,
)  # fmt: skip
"""Bits of each symbol's code; the last is the end of the string, which never occurs in one."""
_LONGEST_PADDING: Final = 7


class Step(NamedTuple):
    """Where four bits lead: the next state, the symbol that they complete, and whether a string may end there."""

    state: int
    symbol: bytes
    may_end: bool


class HuffmanError(ValueError):
    """A string that this code does not make."""


def decode(data: bytes) -> bytes:
    """The string that was encoded.

    >>> decode(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
    b'www.example.com'
    """
    table = _table()
    found, state, may_end = [], 0, True
    for byte in data:
        step = table[state << 4 | byte >> 4]
        if step is None:
            raise HuffmanError("the string's end occurs in it")
        if step.symbol:
            found.append(step.symbol)
        step = table[step.state << 4 | byte & 15]
        if step is None:
            raise HuffmanError("the string's end occurs in it")
        if step.symbol:
            found.append(step.symbol)
        state, may_end = step.state, step.may_end
    if not may_end:
        raise HuffmanError("the padding is longer than seven bits, or not of ones")
    return b"".join(found)


def codes() -> Iterator[tuple[int, int, int]]:
    """Symbol, code and bits of the code, in order of the codes."""
    code = bits = 0
    for symbol in sorted(range(EOS + 1), key=lambda symbol: (_LENGTHS[symbol], symbol)):
        code <<= _LENGTHS[symbol] - bits
        bits = _LENGTHS[symbol]
        yield symbol, code, bits
        code += 1


@cache
def _table() -> list[Step | None]:
    """The step of each state (an inner node of the code's tree, by the bits that lead to it) and four bits."""
    leaves = {(bits, code): symbol for symbol, code, bits in codes()}
    nodes = {(0, 0): 0}
    for bits, code in leaves:
        for n in range(1, bits):
            nodes.setdefault((n, code >> (bits - n)), len(nodes))
    return [_step(leaves, nodes, *node, nibble) for node in nodes for nibble in range(16)]


def _step(
    leaves: dict[tuple[int, int], int], nodes: dict[tuple[int, int], int], bits: int, code: int, nibble: int
) -> Step | None:
    """None where the end of a string comes out, which no string may hold."""
    symbol = b""
    for shift in (3, 2, 1, 0):
        bits, code = bits + 1, code << 1 | nibble >> shift & 1
        leaf = leaves.get((bits, code))
        if leaf == EOS:
            return None
        if leaf is not None:
            symbol, bits, code = bytes((leaf,)), 0, 0
    return Step(nodes[bits, code], symbol, bits <= _LONGEST_PADDING and code == (1 << bits) - 1)
