"""A stream lasts no longer than the key that it was let in with."""

from __future__ import annotations

from pathlib import Path

from features.settings import AuthSettings
from grpc_api.access.api_keys import new_key
from grpc_api.access.authenticator import Authenticator
from tests.grpc_api.http2.serving import RawPeer, Serving, message
from tests.waiting import wait_until


def test_a_stream_whose_key_is_taken_back_ends(tmp_path: Path) -> None:
    """Within seconds, though nothing is sent; streams of other clients go on, beside it on one connection.

    It is counted as what its caller was told.
    """
    (key, line), (other_key, other_line) = new_key("till", ["score"]), new_key("shop", ["score"])
    file = tmp_path / "keys"
    file.write_text(f"{line}\n{other_line}\n")
    with (
        Serving(authenticator=Authenticator(AuthSettings(api_keys=file)), look_s=0.1) as server,
        RawPeer(server.port) as peer,
    ):
        for stream, its_key in ((1, key), (3, other_key)):
            peer.send(peer.headers(stream, ("x-api-key", its_key), path="EchoAll"))
            peer.send(message(stream, b"hello", is_last=False))
        file.write_text(f"{other_line}\n")
        fields, data = peer.answer(1)
        assert fields["grpc-status"] == "16"
        assert data[5:] == b"hello"
        wait_until(lambda: server.answered("EchoAll", "UNAUTHENTICATED") == 1)
        peer.send(message(3, b"still here"))
        fields, data = peer.answer(3)
        assert fields["grpc-status"] == "0"
        assert data.endswith(b"still here")
