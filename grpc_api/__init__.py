"""Request → vector → score → record: the gRPC scorer, its client, and the process that syncs models to it.

One event loop carries it all. The core (`grpc_api.core`) takes bytes and answers bytes, and is served as a table of
methods (`grpc_api.methods`) behind a gate (`grpc_api.gate`); `grpc_api.http2` is what brings calls to them.
"""
