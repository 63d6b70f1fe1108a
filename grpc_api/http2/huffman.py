"""The Huffman code of header strings, decoded by a table of a byte a step: whoever is not known yet may send them.

References
----------
RFC 7541, section 5.2 and appendix B. The code is canonical, so its lengths say all of it.

"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, TypeAlias

EOS: Final = 256
MAY_END: Final = 256
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


Row: TypeAlias = "list[tuple[Row, bytes] | bool | None]"
"""What each byte leads to from some place within a code: the next row, and the symbols that it completes.

None where the end of the string comes out, which none may hold. The last entry tells whether a string may end here.
"""


class HuffmanError(ValueError):
    """A string that this code does not make."""


def prepare() -> None:
    """Make the table, which takes some 30 ms that the first caller need not wait for."""
    _rows()


def decode(data: bytes) -> bytes:
    """The string that was encoded.

    >>> decode(bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
    b'www.example.com'
    """
    row, found = _rows()[0], []
    try:
        for byte in data:
            row, symbols = row[byte]  # type: ignore[misc]  # only the last entry is none of these
            if symbols:
                found.append(symbols)
    except TypeError:
        raise HuffmanError("the string's end occurs in it") from None
    if not row[MAY_END]:
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
def _rows() -> list[Row]:
    """The row of each inner node of the code's tree, the root's first."""
    leaves = {(bits, code): symbol for symbol, code, bits in codes()}
    nodes = {(0, 0): 0}
    for bits, code in leaves:
        for n in range(1, bits):
            nodes.setdefault((n, code >> (bits - n)), len(nodes))
    steps = [[_step(leaves, nodes, *node, nibble) for nibble in range(16)] for node in nodes]
    rows: list[Row] = [[] for _ in nodes]
    for row, by_nibble, (bits, code) in zip(rows, steps, nodes, strict=True):
        for first in by_nibble:
            for second in range(16):
                last = None if first is None else steps[first[0]][second]
                row.append(None if first is None or last is None else (rows[last[0]], first[1] + last[1]))
        row.append(bits <= _LONGEST_PADDING and code == (1 << bits) - 1)
    return rows


def _step(
    leaves: dict[tuple[int, int], int], nodes: dict[tuple[int, int], int], bits: int, code: int, nibble: int
) -> tuple[int, bytes] | None:
    """Where four bits lead, and the symbol that they complete; None where the end of a string comes out."""
    symbol = b""
    for shift in (3, 2, 1, 0):
        bits, code = bits + 1, code << 1 | nibble >> shift & 1
        leaf = leaves.get((bits, code))
        if leaf == EOS:
            return None
        if leaf is not None:
            symbol, bits, code = bytes((leaf,)), 0, 0
    return nodes[bits, code], symbol
