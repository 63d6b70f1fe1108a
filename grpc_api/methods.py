"""The methods that are served: all that a transport is given, by path.

A handler takes the bytes of messages and a `Call`, gives the bytes of messages, and raises our own errors.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Literal, NamedTuple, TypeAlias

from grpc_api.call import Call

Group: TypeAlias = Literal["score", "admin", "open"]
"""Who may call: those who score, those who look after the server, or everybody (health)."""

Unary: TypeAlias = Callable[[bytes, Call], Awaitable[bytes]]
ServerStreaming: TypeAlias = Callable[[bytes, Call], AsyncIterator[bytes]]
Bidirectional: TypeAlias = Callable[[AsyncIterator[bytes], Call], AsyncIterator[bytes]]


class UnaryMethod(NamedTuple):
    """One message in, one out."""

    path: str
    group: Group
    handler: Unary


class ServerStreamingMethod(NamedTuple):
    """One message in, any number out."""

    path: str
    group: Group
    handler: ServerStreaming


class BidirectionalMethod(NamedTuple):
    """Any number of messages in and out."""

    path: str
    group: Group
    handler: Bidirectional


Method: TypeAlias = UnaryMethod | ServerStreamingMethod | BidirectionalMethod
Methods: TypeAlias = Mapping[str, Method]


def name_of(method: Method) -> str:
    """The method's own name, without its service's."""
    return method.path.rpartition("/")[2]


def by_path(methods: Iterable[Method]) -> dict[str, Method]:
    """The table of these methods; ValueError where two have one path."""
    table: dict[str, Method] = {}
    for method in methods:
        if table.setdefault(method.path, method) is not method:
            raise ValueError(f"two methods have the path {method.path}")
    return table
