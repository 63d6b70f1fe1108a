"""Generated from protos/ by `python -m grpc_api.stubs`: do not edit."""
