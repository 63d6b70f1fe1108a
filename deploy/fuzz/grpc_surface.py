"""What a server serves, as it says itself by reflection: the path of every method, and the type of its messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import grpc
from google.protobuf.descriptor import Descriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase


class Target(NamedTuple):
    """One method."""

    path: str
    request: Descriptor
    takes_many: bool
    gives_many: bool


def targets_of(address: str) -> Sequence[Target]:
    """All methods of the server there."""
    with grpc.insecure_channel(address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        pool = DescriptorPool(database)
        services = [pool.FindServiceByName(name) for name in sorted(database.get_services())]
        return [
            Target(
                f"/{service.full_name}/{method.name}",
                method.input_type,
                method.client_streaming,
                method.server_streaming,
            )
            for service in services
            for method in service.methods
        ]
