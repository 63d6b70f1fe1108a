"""MLServer with its LightGBM runtime, over the Open Inference Protocol's gRPC."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from deploy.peers import environments
from deploy.score_bench.grpc_link import GrpcDoor
from deploy.score_peers.peer import MODEL_TEXT, Question, ScorePeer
from deploy.server_process import LOOPBACK, free_port

REQUIREMENTS: Final = Path(__file__).parent / "requirements" / "mlserver.txt"
MODEL_NAME: Final = "bench"
MODEL, INPUTS = 1, 5
TENSOR_NAME, TENSOR_TYPE, TENSOR_SHAPE, TENSOR_CONTENTS, FP64_CONTENTS = 1, 2, 3, 5, 7
"""Numbers of fields of ``inference.ModelInferRequest``."""


class MlServer(ScorePeer):
    """One process without workers or batches of its own, which is its fastest for single rows on a core."""

    name = "MLServer, LightGBM runtime"
    does = "scores a vector that the request carries"
    door = GrpcDoor("/inference.GRPCInferenceService/ModelInfer")

    def prepare(self, folder: Path) -> None:
        """Its environment."""
        environments.install(self.name, folder, REQUIREMENTS)

    def command(self, folder: Path, scratch: Path, port: int) -> Sequence[str]:
        """See `ScorePeer.command`."""
        settings = {
            "host": LOOPBACK,
            "grpc_port": port,
            "http_port": free_port(),
            "metrics_port": free_port(),
            "parallel_workers": 0,
            "debug": False,
        }
        (scratch / "settings.json").write_text(json.dumps(settings))
        model = {
            "name": MODEL_NAME,
            "implementation": "mlserver_lightgbm.LightGBMModel",
            "parameters": {"uri": str(scratch / MODEL_TEXT)},
        }
        (scratch / "model-settings.json").write_text(json.dumps(model))
        return (str(environments.python(folder).with_name("mlserver")), "start", str(scratch))

    def environment(self, scratch: Path) -> Mapping[str, str]:  # noqa: ARG002 - of the contract
        """See `ScorePeer.environment`."""
        return environments.VARIABLES

    def request(self, question: Question) -> bytes:
        """See `ScorePeer.request`."""
        vector = question.vector
        contents = field(FP64_CONTENTS, struct.pack(f"<{len(vector)}d", *vector))
        shape = field(TENSOR_SHAPE, bytes([1, len(vector)]))
        tensor = field(TENSOR_NAME, b"vector") + field(TENSOR_TYPE, b"FP64") + shape + field(TENSOR_CONTENTS, contents)
        return field(MODEL, MODEL_NAME.encode()) + field(INPUTS, tensor)


def field(number: int, value: bytes) -> bytes:
    """A length-delimited field of a protobuf message, shorter than 16 KiB."""
    size = bytes([len(value)]) if len(value) < 0x80 else bytes([len(value) & 0x7F | 0x80, len(value) >> 7])
    return bytes([number << 3 | 2]) + size + value
