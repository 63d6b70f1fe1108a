"""The stages of the worker, for `deploy.stage_clock`."""

from __future__ import annotations

from typing import Final

from deploy.stage_clock import OTHER, StageTable

_MODULES: Final = {
    "streams.transport": "fetch",
    "streams.batch": "fetch",
    "aiokafka": "fetch",
    "kafka": "fetch",
    "features.decode": "decode",
    "features.formats": "decode",
    "features.quantise": "decode",
    "streams.entities": "group",
    "features.kernel": "kernel",
    "features.compiled_kernel": "kernel",
    "features.feast_layout": "finish and encode",
    "features.redis_link": "store",
    "features.redis_words": "store",
    "features.redis_store": "store",
    "features.redis_replies": "store",
    "features.lake": "lake",
    "streams.ledger": "lake",
    "streams.view_writer": "kernel",
    "streams": OTHER,
    "faust": "event loop",
    "mode": "event loop",
    "uvloop": "event loop",
    "asyncio": "event loop",
}
_FUNCTIONS: Final = {
    **{
        (module, name): "finish and encode"
        for module in ("features.kernel", "features.compiled_kernel")
        for name in ("finish", "fields", "encode")
    },
    ("streams.view_writer", "_write"): "store",
    ("streams.view_writer", "_read_missing"): "store",
    ("streams.engine", "_to_lake"): "lake",
}
WORKER: Final = StageTable(
    names=("fetch", "decode", "group", "kernel", "finish and encode", "store", "lake", "event loop", OTHER),
    modules=_MODULES,
    functions=_FUNCTIONS,
)
