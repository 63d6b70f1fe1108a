"""What grpcurl does, for pages that show a call of it: a request in JSON, by reflection, answered in JSON."""

from __future__ import annotations

import shlex
from typing import Any

import grpc
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToJson, Parse
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

DEADLINE_S = 20.0


def grpcurl(command: str) -> str:
    """The answer to ``grpcurl -plaintext -d MESSAGE ADDRESS SERVICE/METHOD``; AssertionError for any other call."""
    words = shlex.split(command.replace("\\\n", " "))
    assert words[:3] == ["grpcurl", "-plaintext", "-d"], command
    message, address, method = words[3:]
    service_name, _, name = method.rpartition("/")
    with grpc.insecure_channel(address) as channel:
        pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))  # type: ignore[no-untyped-call]  # untyped
        declared = pool.FindServiceByName(service_name).methods_by_name[name]
        request, answer = (GetMessageClass(kind) for kind in (declared.input_type, declared.output_type))
        call: Any = channel.unary_unary(
            f"/{method}", request_serializer=request.SerializeToString, response_deserializer=answer.FromString
        )
        return MessageToJson(call(Parse(message, request()), timeout=DEADLINE_S), preserving_proto_field_name=False)
