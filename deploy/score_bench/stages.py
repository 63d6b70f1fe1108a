"""The stages of the scorer, for `deploy.stage_clock`."""

from __future__ import annotations

from typing import Final

from deploy.stage_clock import OTHER, StageTable

SCORER: Final = StageTable(
    names=("transport", "request", "fetch", "finish", "vector", "model", "answer", "record", "count", OTHER),
    modules={
        "grpc": "transport",
        "uvloop": "transport",
        "asyncio": "transport",
        "grpc_api.http2": "transport",
        "grpc_api.gate": "transport",
        "grpc_api.messages": "request",
        "grpc_api.entity": "request",
        "grpc_api.questions": "request",
        "grpc_api.lookup": "fetch",
        "features.redis_link": "fetch",
        "features.redis_replies": "fetch",
        "features.redis_store": "fetch",
        "features.redis_words": "fetch",
        "grpc_api.finishing": "finish",
        "features.kernel": "finish",
        "features.compiled_kernel": "finish",
        "features.state": "finish",
        "features.vector": "vector",
        "grpc_api.session": "model",
        "onnxruntime": "model",
        "features.head": "model",
        "grpc_api.answers": "answer",
        "grpc_api.records": "record",
        "grpc_api.score_record": "record",
        "grpc_api.meter": "count",
        "features.batch_histogram": "count",
        "grpc_api": OTHER,
    },
    functions={
        ("grpc_api.core", "chunks"): "request",
        ("grpc_api.scoring", "score_rows"): "model",
    },
)
