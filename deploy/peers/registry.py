"""Every peer of the stream's bench, in the order of the tables."""

from __future__ import annotations

from importlib import import_module
from typing import Final

from deploy.peers.peer import Peer

MODULES: Final = (
    "no_framework",
    "faust_take",
    "faust_tables",
    "feast_push",
    "kafka_streams",
    "flink",
    "bytewax",
    "quix",
)
"""Modules of this package that hold a class of a peer each. They are loaded without the framework that they run."""


def load_peer(module: str) -> Peer:
    """The peer that stands in a module."""
    found = [
        each
        for each in vars(import_module(f"{__package__}.{module}")).values()
        if isinstance(each, type) and issubclass(each, Peer) and each is not Peer
    ]
    (peer,) = found
    return peer()
