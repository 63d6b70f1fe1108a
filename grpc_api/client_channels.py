"""How a client reaches a server: addresses, keys, limits and several connections where one is not enough."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import grpc

from grpc_api.client_errors import CallRefusedError
from grpc_api.client_types import Tls

MESSAGE_BYTES: Final = 64 * 2**20


def channel_options(tls: Tls | None) -> list[tuple[str, Any]]:
    """Options of one channel of several: each has connections of its own, which the server's processes share out."""
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MESSAGE_BYTES),
        ("grpc.max_send_message_length", MESSAGE_BYTES),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.enable_retries", 0),  # the client's own are the only ones
    ]
    if tls is not None and tls.server_name is not None:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    return options


def channel_credentials(tls: Tls) -> grpc.ChannelCredentials:
    """TLS as grpcio has it; CallRefusedError where a file cannot be read."""
    return grpc.ssl_channel_credentials(
        root_certificates=_read(tls.authorities),
        private_key=_read(tls.key),
        certificate_chain=_read(tls.certificate),
    )


def call_metadata(api_key: str | None, token: str | None) -> tuple[tuple[str, str], ...]:
    """What proves the caller, with each call."""
    key = () if api_key is None else (("x-api-key", api_key),)
    bearer = () if token is None else (("authorization", f"Bearer {token}"),)
    return (*key, *bearer)


def require_channels(channels: int) -> int:
    """As many channels as asked for; CallRefusedError for none."""
    if channels < 1:
        raise CallRefusedError(f"channels is {channels}; a client needs one at least")
    return channels


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CallRefusedError(f"{path} cannot be read ({error.strerror}); name a readable PEM file") from error
