"""Request → vector → score → record: the gRPC scorer, its client, and the process that syncs models to it.

The core (`grpc_api.core`) takes bytes and answers bytes; `grpc_api.transport` alone knows gRPC's server.
"""
