"""Calls in hand of all connections together: how many there may be, and whose end where there are more.

A call takes some kilobytes from its head on, also one that waits for its message, or for a change of health. Looked at
each second, so no call pays for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from grpc_api.http2.connection import Connection


def crowding(connections: Iterable[Connection], most: int) -> Iterator[Connection]:
    """Those to hang up on, so that no more calls are left: of the address that has most of them, the fullest first."""
    of: defaultdict[str, list[Connection]] = defaultdict(list)
    total = 0
    for connection in connections:
        total += _size(connection)
        of[connection.peer.rpartition(":")[0]].append(connection)
    if total <= most:
        return
    left = {host: sum(map(_size, theirs)) for host, theirs in of.items()}
    for theirs in of.values():
        theirs.sort(key=_size)
    while total > most:
        host = max(left, key=left.__getitem__)
        fullest = of[host].pop()
        left[host] -= _size(fullest)
        total -= _size(fullest)
        yield fullest


def _size(connection: Connection) -> int:
    return len(connection.session.streams)
