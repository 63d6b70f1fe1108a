"""The Open Inference Protocol v2: tensors in, tensors out, on the scorer's own core.

A model shows itself as named tensors (`metadata`); a request's tensors become rows of a ``ScoreBatch`` (`rows`), its
answer becomes tensors again (`outputs`). How elements are written is told by `typed_contents`, `raw_contents` and
`json_contents`; gRPC (`service`) and REST (`grpc_api.rest`) share everything between.
"""
