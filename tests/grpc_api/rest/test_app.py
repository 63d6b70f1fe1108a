"""What surrounds the routes: health, metrics, the description, limits, and failures that are the server's own."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc
import pytest
from fastapi import FastAPI

from features.errors import SettingsError
from features.settings import AuthSettings, ScorerSettings, TlsSettings
from grpc_api.access.api_keys import new_key
from grpc_api.client_types import Tls
from grpc_api.http2.door import Places
from grpc_api.http2.listener import REST_PORT, open_listener
from grpc_api.rest.errors import HTTP_STATUS, add_error_handlers
from grpc_api.rest.server import RestServer
from grpc_api.status import Code
from millstream import Client
from tests.grpc_api.gallery import Gallery, open_gallery
from tests.grpc_api.rest_client import Reply, RestClient
from tests.grpc_api.shop import open_shop, publish
from tests.redis_servers import Authority
from tests.waiting import wait_until

SECRET = "a secret of the server"


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gallery]:
    """A scorer with a model of each task."""
    with open_gallery(tmp_path_factory.mktemp("models")) as opened:
        yield opened


def test_health_tells_what_is_loaded(gallery: Gallery, tmp_path: Path) -> None:
    """The version of the one model, or each by name."""
    reply = gallery.rest.get("/health")
    assert (reply.status, reply.json) == (
        200,
        {"status": "healthy", "model_loaded": True, "model_version": "buys:1, kinds:2, odd:4, price:3"},
    )
    publish(tmp_path, "7")
    with open_shop(tmp_path) as (shop, _):
        alone = RestClient(shop.rest_address)
        assert alone.get("/health").json["model_version"] == "7"
        assert alone.post("/predict", {"entity": {"buyer": "ann"}}).json["model_version"] == "7"
        alone.close()


def test_a_server_without_a_model_is_not_healthy(tmp_path: Path) -> None:
    """Alive, and says that nothing can be answered."""
    with open_shop(tmp_path) as (shop, _):
        rest = RestClient(shop.rest_address)
        reply = rest.get("/health")
        assert (reply.status, reply.json) == (
            503, {"status": "unhealthy", "model_loaded": False, "model_version": None}
        )  # fmt: skip
        reply = rest.post("/predict", {"entity": {"buyer": "ann"}})
        assert (reply.status, reply.json) == (503, {"error": "models: no model is published yet"})
        rest.close()


def test_metrics_count_calls_by_rest_as_those_by_grpc(gallery: Gallery) -> None:
    """One method, one count."""
    before = gallery.shop.sample("millstream_scorer_requests_total", method="Score", code="OK")
    gallery.rest.post("/predict", {"model": "buys", "features": [1.0] * 5})
    gallery.client.score({"buyer": "ann"}, model="buys")
    wait_until(lambda: gallery.shop.sample("millstream_scorer_requests_total", method="Score", code="OK") == before + 2)
    page = gallery.rest.get("/metrics")
    assert page.headers["content-type"].startswith("text/plain")
    assert b'millstream_scorer_requests_total{code="OK",method="Score"}' in page.body


def test_every_example_of_the_description_can_be_sent(gallery: Gallery) -> None:
    """There are examples of each model, and each is answered; no route speaks of FastAPI's own failures."""
    described = gallery.rest.get("/openapi.json").json
    assert "spend:n_day" in str(described)
    sent = 0
    for path in ("/predict", "/predict_batch", "/v2/models/{model_name}/infer"):
        route = described["paths"][path]["post"]
        examples = route["requestBody"]["content"]["application/json"]["examples"]
        assert len(examples) >= 4
        for name, example in examples.items():
            model = name.split()[-1] if path.startswith("/v2") else ""
            reply = gallery.rest.post(path.format(model_name=model), example["value"])
            assert reply.status == 200, (name, reply)
            if path == "/predict_batch":
                assert {row["status"] for row in reply.json["predictions"]} == {"ok"}
            sent += 1
        assert "422" not in route["responses"]
    assert sent >= 16
    assert gallery.rest.get("/docs").status == 200


def test_a_body_that_is_too_large_is_refused(gallery: Gallery) -> None:
    """By what it says of its length, before it is sent."""
    with socket.create_connection(("127.0.0.1", gallery.shop.scorer.rest_port), timeout=20.0) as connection:
        connection.sendall(b"POST /predict HTTP/1.1\r\nhost: a\r\ncontent-length: 16777217\r\n\r\n")
        answer = connection.recv(4_096)
    assert b"413" in answer.splitlines()[0]
    assert b'{"error":"body: is larger than 16777216 bytes; send less at a time"}' in answer


def test_an_offer_of_another_protocol_costs_no_body(gallery: Gallery) -> None:
    """The HTTP client of the JDK makes one with every first request; it is answered as it was asked."""
    offer = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": "AAMAAABkAAQBAAAAAAUAAEAA"}
    question = b'{"model": "buys", "features": [1.0, 1.0, 1.0, 1.0, 1.0]}'
    for _ in range(2):
        reply = gallery.rest.send("POST", "/predict", question, {"content-type": "application/json", **offer})
        assert (reply.status, reply.json["model_version"]) == (200, "1")


def test_a_compressed_body_is_refused(gallery: Gallery) -> None:
    """Nothing is unpacked that may be far larger than it came."""
    reply = gallery.rest.send("POST", "/v2/models/buys/infer", b"\x1f\x8b", {"content-encoding": "gzip"})
    assert reply.status == 400
    assert reply.json["error"] == "header content-encoding: is 'gzip'; send the body as it is"


def test_every_code_has_a_status() -> None:
    """All of gRPC's, which include ours."""
    assert HTTP_STATUS.keys() == {code.name for code in grpc.StatusCode} - {"OK"}
    assert HTTP_STATUS.keys() >= {code.name for code in Code} - {"OK"}


async def test_what_fails_within_is_not_told() -> None:
    """An unknown error is answered with a fixed text."""
    app = FastAPI()
    add_error_handlers(app)

    @app.get("/")
    async def fail() -> None:
        raise RuntimeError(SECRET)

    server = RestServer(app, listen=lambda: open_listener("127.0.0.1", 0), places=Places(100))
    await server.start()
    rest = RestClient(f"127.0.0.1:{server.port}")
    try:
        reply = await asyncio.to_thread(rest.get, "/")
    finally:
        rest.close()
        await server.stop(1.0)
    assert (reply.status, reply.json) == (500, {"error": "the server failed; its log has the detail"})


async def test_a_port_that_is_taken_is_told() -> None:
    """With the setting's name."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = RestServer(FastAPI(), listen=lambda: open_listener("127.0.0.1", port, REST_PORT), places=Places(100))
        with pytest.raises(SettingsError, match="MILLSTREAM_SCORER__REST_PORT: cannot listen"):
            await server.start()


def test_the_gateway_speaks_tls_where_the_scorer_does(tmp_path: Path) -> None:
    """With the same certificate, asking callers for theirs, in HTTP/1.1 whatever else they offer."""
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("server")
    publish(tmp_path / "models", "1")
    tls = TlsSettings(certificate=certificate, key=key, client_ca=authority.ca_file)
    offered = ssl.create_default_context(cafile=str(authority.ca_file))
    offered.set_alpn_protocols(["h2", "http/1.1"])
    with open_shop(tmp_path / "models", settings=ScorerSettings(port=0, rest_port=0, tls=tls)) as (shop, _):
        address = ("127.0.0.1", shop.scorer.rest_port)
        assert health_over(offered, address) == b""
        offered.load_cert_chain(*authority.issue("caller"))
        assert b"200 OK" in health_over(offered, address)


def health_over(context: ssl.SSLContext, address: tuple[str, int]) -> bytes:
    """What ``/health`` answers over TLS; nothing where we are turned away, of which a caller hears once it reads."""
    with (
        socket.create_connection(address, timeout=20.0) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as encrypted,
    ):
        encrypted.sendall(b"GET /health HTTP/1.1\r\nhost: a\r\n\r\n")
        assert encrypted.selected_alpn_protocol() == "http/1.1"
        try:
            return encrypted.recv(4_096)
        except (ssl.SSLError, ConnectionError):
            return b""


def test_a_certificate_names_the_caller_as_over_grpc(tmp_path: Path) -> None:
    """So its calls are counted together, by HTTP and by gRPC, and apart from those of others at the same address."""
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("server")
    publish(tmp_path / "models", "1")
    settings = ScorerSettings(
        port=0,
        rest_port=0,
        tls=TlsSettings(certificate=certificate, key=key, client_ca=authority.ca_file),
        rate_limit_per_s=0.001,
        rate_limit_burst=2,
    )
    till, shop_floor = authority.issue("till"), authority.issue("shop-floor")
    with open_shop(tmp_path / "models", settings=settings) as (shop, _):
        tls = Tls(authorities=authority.ca_file, certificate=till[0], key=till[1])
        with Client(shop.address, tls=tls) as client:
            client.score({"buyer": "ann"})
        address = f"127.0.0.1:{shop.scorer.rest_port}"
        assert [predict_as(address, authority, till)[0] for _ in range(2)] == [200, 429]
        status, told = predict_as(address, authority, till)
        assert (status, told["error"].partition(";")[0]) == (429, "client till: calls more often than it may")
        assert predict_as(address, authority, shop_floor)[0] == 200


def predict_as(address: str, authority: Authority, shown: tuple[Path, Path]) -> tuple[int, Any]:
    """Status and answer of a caller who shows that certificate, each time on a connection of its own."""
    context = ssl.create_default_context(cafile=str(authority.ca_file))
    context.load_cert_chain(*shown)
    with closing(http.client.HTTPSConnection(address, context=context, timeout=20.0)) as connection:
        connection.request("POST", "/predict", b'{"entity": {"buyer": "ann"}}', {"content-type": "application/json"})
        response = connection.getresponse()
        return response.status, json.load(response)


def test_nobody_calls_from_where_its_headers_say(tmp_path: Path) -> None:
    """The address that calls are counted by is that of the connection."""
    publish(tmp_path, "1")
    settings = ScorerSettings(port=0, rest_port=0, rate_limit_per_s=0.001, rate_limit_burst=1)
    with open_shop(tmp_path, settings=settings) as (shop, _), closing(RestClient(shop.rest_address)) as rest:
        replies = [
            rest.send(
                "POST",
                "/predict",
                b'{"entity": {"buyer": "ann"}}',
                {"content-type": "application/json", "x-forwarded-for": f"10.0.0.{i}", "forwarded": f"for=10.0.0.{i}"},
            )
            for i in range(2)
        ]
        assert [reply.status for reply in replies] == [200, 429]
        assert replies[1].json["error"].startswith("client ipv4:127.0.0.1: ")


def test_callers_prove_who_they_are_as_over_grpc(tmp_path: Path) -> None:
    """A key opens the methods of its groups, so many times; health is open; what settings leave out is not offered."""
    key, line = new_key("checkout", ["score"])
    (tmp_path / "keys").write_text(line)
    publish(tmp_path / "models", "1")
    settings = ScorerSettings(
        port=0, rest_port=0, auth=AuthSettings(api_keys=tmp_path / "keys"), rate_limit_per_s=0.01, rate_limit_burst=3
    )
    with open_shop(tmp_path / "models", settings=settings) as (shop, _), closing(RestClient(shop.rest_address)) as rest:
        question, proof = b'{"entity": {"buyer": "ann"}}', {"content-type": "application/json", "x-api-key": key}

        def ask(headers: dict[str, str], path: str = "/predict") -> Reply:
            return rest.send("POST", path, question, headers)

        assert ask({"content-type": "application/json"}).status == 401
        assert ask(proof | {"x-api-key": "checkout.wrong"}).status == 401
        assert rest.send("POST", "/predict", b" " * 5_000_000, {"x-api-key": "checkout.wrong"}).status == 401
        assert [ask(proof).status for _ in range(3)] == [200, 200, 200]
        too_many = ask(proof)
        assert (too_many.status, too_many.json.keys()) == (429, {"error"})
        assert int(too_many.headers["retry-after"]) > 0
        assert ask(proof, "/v2/repository/models/buys/load").status == 501
        assert rest.get("/health").status == rest.get("/v2/health/ready").status == 200
        assert b"spend:n_day" not in rest.get("/openapi.json").body
        assert rest.get("/metrics").status == 404


def test_the_gateway_can_be_switched_off(tmp_path: Path) -> None:
    """GRPC then answers alone."""
    publish(tmp_path, "1")
    with open_shop(tmp_path, settings=ScorerSettings(port=0, rest=False)) as (shop, client):
        assert shop.scorer.rest_port is None
        assert client.score({"buyer": "ann"}).raw_score == 9.5
