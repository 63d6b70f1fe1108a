"""TLS and mTLS, with certificates that are renewed while the server runs."""

from __future__ import annotations

import shutil
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hyperframe.frame import GoAwayFrame

from features.errors import SettingsError
from features.settings import TlsSettings
from grpc_api.http2.tls import ServerTls, name_on
from tests.grpc_api.http2.serving import SERVICE, RawPeer, Serving
from tests.redis_servers import Authority
from tests.waiting import wait_until


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Signs the server's and the callers' certificates."""
    return Authority(tmp_path / "authority")


@pytest.fixture
def settings(authority: Authority, tmp_path: Path) -> TlsSettings:
    """Files of their own, which a test may renew."""
    return install(authority, tmp_path, "server")


@pytest.fixture
def serving(settings: TlsSettings) -> Iterator[Serving]:
    """An encrypted server that wants to see certificates."""
    with Serving(tls=ServerTls(settings)) as serving:
        yield serving


def install(authority: Authority, folder: Path, name: str) -> TlsSettings:
    """Put a certificate of this name, its key and the authority where the server looks."""
    settings = TlsSettings(certificate=folder / "tls.crt", key=folder / "tls.key", client_ca=folder / "ca.crt")
    for source, to in zip(
        (*authority.issue(name), authority.ca_file),
        (settings.certificate, settings.key, settings.client_ca),
        strict=True,
    ):
        assert to is not None
        shutil.copy(source, to)
    return settings


def echo(
    serving: Serving, authority: Authority, client: tuple[Path, Path] | None, trusted: Path | None = None
) -> bytes:
    """What a caller with this certificate hears."""
    pair = (None, None) if client is None else (client[1].read_bytes(), client[0].read_bytes())
    credentials = grpc.ssl_channel_credentials((trusted or authority.ca_file).read_bytes(), *pair)
    with grpc.secure_channel(serving.address, credentials) as channel:
        return bytes(channel.unary_unary(f"{SERVICE}Echo")(b"hello", timeout=10))


def common_name(serving: Serving, authority: Authority, client: tuple[Path, Path]) -> str | None:
    """Whom the server's certificate names."""
    with RawPeer(serving.port, context=client_context(authority, client)) as peer:
        assert isinstance(peer.socket, ssl.SSLSocket)
        return name_on({**(peer.socket.getpeercert() or {}), "subjectAltName": ()})


def client_context(authority: Authority, client: tuple[Path, Path], protocol: str = "h2") -> ssl.SSLContext:
    """A client's side of TLS."""
    context = ssl.create_default_context(cafile=authority.ca_file)
    context.check_hostname = False
    context.load_cert_chain(*client)
    context.set_alpn_protocols([protocol])
    return context


def test_a_caller_with_a_certificate_is_served_and_known(serving: Serving, authority: Authority) -> None:
    """By the name on it."""
    assert echo(serving, authority, authority.issue("checkout")) == b"hello"
    assert serving.things.calls[-1].certificate == "checkout"


def test_a_caller_without_the_right_certificate_is_not_served(
    serving: Serving, authority: Authority, tmp_path: Path
) -> None:
    """None, or one of another authority."""
    for client in (None, Authority(tmp_path / "other").issue("checkout")):
        with pytest.raises(grpc.RpcError) as ended:
            echo(serving, authority, client)
        assert ended.value.code() is grpc.StatusCode.UNAVAILABLE
    assert serving.things.calls == []


def test_a_server_may_do_without_callers_certificates(settings: TlsSettings, authority: Authority) -> None:
    """Then nobody is named."""
    with Serving(tls=ServerTls(settings.model_copy(update={"client_ca": None}))) as serving:
        assert echo(serving, authority, None) == b"hello"
        assert serving.things.calls[-1].certificate is None


def test_a_peer_that_does_not_agree_to_http2_is_hung_up_on(serving: Serving, authority: Authority) -> None:
    """In the handshake it is told so."""
    with RawPeer(serving.port, context=client_context(authority, authority.issue("old"), "http/1.1")) as peer:
        assert list(peer.frames()) == []
    wait_until(lambda: serving.server.n_connections == 0)


def test_renewed_files_are_taken_up_by_the_next_connection(
    serving: Serving, settings: TlsSettings, authority: Authority, tmp_path: Path
) -> None:
    """The certificate, and whom callers' certificates must be signed by; wrong files change nothing."""
    tls = serving.server._tls
    assert tls is not None
    client = authority.issue("checkout")
    assert common_name(serving, authority, client) == "server"
    install(authority, tmp_path, "renewed")
    serving.on_loop(tls.look_anew)
    assert common_name(serving, authority, client) == "renewed"

    assert settings.key is not None
    settings.key.write_text("no key")
    serving.on_loop(tls.look_anew)
    assert common_name(serving, authority, client) == "renewed"

    other = Authority(tmp_path / "other")
    install(authority, tmp_path, "server")
    assert settings.client_ca is not None
    shutil.copy(other.ca_file, settings.client_ca)
    serving.on_loop(tls.look_anew)
    with pytest.raises(grpc.RpcError):
        echo(serving, authority, client)
    assert echo(serving, authority, other.issue("other caller")) == b"hello"


def test_files_that_cannot_be_used_are_a_setting_that_is_wrong(settings: TlsSettings, tmp_path: Path) -> None:
    """The error says which."""
    nothing = tmp_path / "nothing.pem"
    with pytest.raises(SettingsError, match="MILLSTREAM_SCORER__TLS__CERTIFICATE"):
        ServerTls(settings.model_copy(update={"certificate": nothing}))
    with pytest.raises(SettingsError, match="MILLSTREAM_SCORER__TLS__CLIENT_CA"):
        ServerTls(settings.model_copy(update={"client_ca": nothing}))


def test_a_handshake_that_does_not_come_is_given_up(settings: TlsSettings) -> None:
    """Slowloris before there is a connection."""
    with (
        Serving(tls=ServerTls(settings), handshake_s=0.3) as serving,
        socket.create_connection(("127.0.0.1", serving.port), 20) as slow,
    ):
        slow.sendall(b"\x16")
        assert slow.recv(1) == b""


def begin_to_stop(serving: Serving) -> threading.Thread:
    """Let a server drain for half a minute if need be; when this returns it takes no more connections."""
    stopping = threading.Thread(target=serving.stop, args=(30.0,))
    stopping.start()

    def is_closed() -> bool:
        try:
            socket.create_connection(("127.0.0.1", serving.port), 20).close()
        except ConnectionError:
            return True
        return False

    wait_until(is_closed)
    return stopping


def test_who_is_in_the_handshake_as_the_drain_begins_is_told(serving: Serving, authority: Authority) -> None:
    """Like those who are through, and its connection ends; it may also be hung up on where it takes its time."""
    with socket.create_connection(("127.0.0.1", serving.port), 20) as early:
        stopping = begin_to_stop(serving)
        try:
            encrypted = client_context(authority, authority.issue("checkout")).wrap_socket(early)
        except OSError:
            pass
        else:
            with RawPeer.over(encrypted) as peer:
                assert [each for each in peer.frames() if isinstance(each, GoAwayFrame)]
    stopping.join(30)
    assert not stopping.is_alive()


def test_a_handshake_that_does_not_end_holds_up_no_drain(serving: Serving) -> None:
    """It is hung up on after a moment."""
    with socket.create_connection(("127.0.0.1", serving.port), 20) as slow:
        slow.sendall(b"\x16")
        stopping = begin_to_stop(serving)
        stopping.join(20)
        assert not stopping.is_alive()
        assert slow.recv(1) == b""


def test_the_first_of_a_certificates_names_counts() -> None:
    """URI before DNS before common name."""
    subject = ((("organizationName", "shop"),), (("commonName", "common"),))
    names = (("DNS", "dns"), ("URI", "spiffe://shop/checkout"), ("URI", "second"))

    assert name_on({"subject": subject, "subjectAltName": names}) == "spiffe://shop/checkout"
    assert name_on({"subject": subject, "subjectAltName": names[:1]}) == "dns"
    assert name_on({"subject": subject}) == "common"
    assert name_on({"subject": ()}) is None
    assert name_on(None) is None
