"""What the server tells of itself, and how errors reach a caller."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from features.errors import (
    BirthMissingError,
    BrokerUnavailableError,
    MillstreamError,
    NotServingError,
    PlanMismatchError,
    RequestError,
    StateCorruptError,
    StoreUnavailableError,
)
from features.settings import AuthSettings, ScorerSettings, TlsSettings
from grpc_api.access.api_keys import new_key
from grpc_api.call import Call
from grpc_api.gate import CallFailedError, Gate
from grpc_api.meter import Meter
from grpc_api.methods import UnaryMethod, name_of
from grpc_api.metrics import ScorerMetrics
from grpc_api.refusals import NotPermittedError, OverloadedError, RateLimitedError, UnauthenticatedError
from grpc_api.served_model import Declarations
from grpc_api.status import STATUS_OF, UNKNOWN, Code, DeadlinePassedError, Status, UnknownNameError, status_of
from millstream import BatchRow, Client, RowFailure, ScoreResult, ServerBrokenError, ServerUnavailableError
from tests.grpc_api.shop import DECLARATIONS, Shop, open_shop, publish
from tests.waiting import wait_until


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[Shop, Client]]:
    """A scorer with one model."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        yield shop, client


def health_of(shop: Shop, service: str) -> str:
    """What grpc.health.v1 says of a service."""
    with grpc.insecure_channel(shop.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5).status
        except grpc.RpcError as error:
            return str(error.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))


def test_each_model_has_its_health(running: tuple[Shop, Client]) -> None:
    """A model is a service of that name; the empty name is the server as a whole."""
    assert [health_of(running[0], name) for name in ("buys", "", "millstream.scoring.v1.Scoring")] == ["SERVING"] * 3
    assert health_of(running[0], "sells") == "NOT_FOUND"
    assert running[0].sample("millstream_scorer_model_ready", model="buys") == 1


def test_who_watches_a_model_is_told_of_every_change(running: tuple[Shop, Client]) -> None:
    """Of one that there is not yet as well; at the end the stream ends."""
    shop = running[0]
    with grpc.insecure_channel(shop.address) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        known = stub.Watch(health_pb2.HealthCheckRequest(service="buys"), timeout=60)
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="sells"), timeout=60)
        serving = health_pb2.HealthCheckResponse.ServingStatus.Name
        assert serving(next(known).status) == "SERVING"
        assert serving(next(unknown).status) == "SERVICE_UNKNOWN"
        shop.store.shards.stop()
        assert serving(next(known).status) == "NOT_SERVING"
        shop.store.shards.start()
        assert serving(next(known).status) == "SERVING"
        publish(shop.models, "1", model="sells")
        assert serving(next(unknown).status) == "SERVING"
        shop.scorer.stop()
        assert [serving(response.status) for response in known] == ["NOT_SERVING"]


def test_a_server_without_models_is_alive_and_does_not_serve(tmp_path: Path) -> None:
    """Until its first model is there."""
    with open_shop(tmp_path) as (shop, _):
        assert health_of(shop, "") == "NOT_SERVING"
        publish(tmp_path, "1")
        wait_until(lambda: health_of(shop, "") == "SERVING")


def test_a_store_that_goes_away_shows_in_the_health(running: tuple[Shop, Client]) -> None:
    """Of every model that reads from it, within the second; and so does its return."""
    shop = running[0]
    shop.store.shards.stop()
    wait_until(lambda: health_of(shop, "buys") == health_of(shop, "") == "NOT_SERVING")
    shop.store.shards.start()
    wait_until(lambda: health_of(shop, "buys") == health_of(shop, "") == "SERVING")


def test_reflection_lists_the_services(running: tuple[Shop, Client]) -> None:
    """And describes them, so that grpcurl needs no proto file."""
    with grpc.insecure_channel(running[0].address) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        services = set(database.get_services())
        described = database.FindFileContainingSymbol("millstream.scoring.v1.Scoring")

    assert {"millstream.scoring.v1.Scoring", "grpc.health.v1.Health"} <= services
    served = {name_of(method) for method in running[0].scorer.core.methods()}
    assert {method.name for method in described.service[0].method} == served > {"Score", "ScoreBatch", "GetFeatures"}


ADMIN = (
    "/grpc.channelz.v1.Channelz/GetServers",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
    "/inference.GRPCInferenceService/RepositoryModelLoad",
)


@pytest.mark.parametrize(
    ("keys", "admin", "client", "codes"),
    [
        (False, None, None, {"OK", "UNIMPLEMENTED: a model"}),
        (False, False, None, {"UNIMPLEMENTED"}),
        (True, None, "ops", {"UNIMPLEMENTED"}),
        (True, True, "till", {"PERMISSION_DENIED"}),
        (True, True, None, {"UNAUTHENTICATED"}),
        (True, True, "ops", {"OK", "UNIMPLEMENTED: a model"}),
    ],
)
def test_who_may_look_into_the_server(
    tmp_path: Path, keys: bool, admin: bool | None, client: str | None, codes: set[str]
) -> None:
    """Everybody where everybody may call, else nobody, unless it is asked for, and then clients with that group."""
    made = {name: new_key(name, [group]) for name, group in (("ops", "admin"), ("till", "score"))}
    (tmp_path / "keys").write_text("\n".join(line for _, line in made.values()))
    auth = AuthSettings(api_keys=tmp_path / "keys" if keys else None)
    settings = ScorerSettings(port=0, rest=False, auth=auth, admin=admin)
    metadata = (("x-api-key", made[client][0]),) if client else ()
    with open_shop(tmp_path, settings=settings) as (shop, _), grpc.insecure_channel(shop.address) as channel:
        assert {told_to(channel, path, metadata) for path in ADMIN} == codes


def told_to(channel: grpc.Channel, path: str, metadata: tuple[tuple[str, str], ...]) -> str:
    """The code of a call of an admin method with an empty message; loading a model is left to the registry."""
    try:
        if "Reflection" in path:
            next(channel.stream_stream(path)(iter([b""]), metadata=metadata, timeout=20))
        else:
            channel.unary_unary(path)(b"", metadata=metadata, timeout=20)
    except grpc.RpcError as error:
        return error.code().name + (": a model" if "load of a model" in error.details() else "")
    return "OK"


def test_who_shows_a_certificate_is_not_everybody(tmp_path: Path) -> None:
    """So nobody looks into a server that asks for one, unless that is asked for."""
    files = {name: tmp_path / name for name in ("certificate", "key", "client_ca")}
    asking = ScorerSettings(tls=TlsSettings(**files))
    assert not asking.serves_admin
    assert asking.model_copy(update={"admin": True}).serves_admin
    del files["client_ca"]
    assert ScorerSettings(tls=TlsSettings(**files)).serves_admin


def test_a_defect_tells_the_caller_nothing_but_that_it_is_ours(tmp_path: Path) -> None:
    """The text is fixed; here a request-time function divides by zero. In a batch it takes no other row with it."""
    publish(tmp_path, "1")
    broken = Declarations(DECLARATIONS.plan, DECLARATIONS.applied_at, {"basket_ratio": lambda basket, mean: basket / 0})
    with open_shop(tmp_path, declared=(broken,)) as (shop, client):
        with pytest.raises(ServerBrokenError, match=rf"{UNKNOWN.message} \(INTERNAL\)"):
            client.score({"buyer": "ann"}, request={"basket": 1.0})
        wait_until(lambda: shop.sample("millstream_scorer_requests_total", method="Score", code="INTERNAL") == 1)
        failed, scored = client.score_batch([BatchRow({"buyer": "ann"}, request={"basket": 1.0}), {"buyer": "ann"}])
        assert failed == RowFailure("INTERNAL", UNKNOWN.message)
        assert isinstance(scored, ScoreResult)


def test_calls_are_counted_and_timed(running: tuple[Shop, Client]) -> None:
    """By method and code; scores by model, version, arm and decision."""
    shop, client = running
    for buyer in ("ann", "ann", "nobody"):
        client.score({"buyer": buyer}, request={"basket": 1.0})

    wait_until(lambda: shop.sample("millstream_scorer_request_seconds_count", method="Score") == 3)
    wait_until(lambda: shop.sample("millstream_scorer_feature_age_seconds_count") == 2)  # the last to be told
    assert shop.sample("millstream_scorer_requests_total", method="Score", code="OK") == 3
    by_model = {"model": "buys", "version": "1", "arm": "champion"}
    assert shop.sample("millstream_scorer_scores_total", decision="buys", **by_model) == 2
    assert shop.sample("millstream_scorer_scores_total", decision="leaves", **by_model) == 1
    assert shop.sample("millstream_scorer_notes_total", reason="unknown_entity") == 5


async def test_a_call_whose_deadline_has_passed_is_refused_before_any_work() -> None:
    """The handler is not called; the refusal is counted."""

    async def never(_data: bytes, _call: Call) -> bytes:
        pytest.fail("it was worked on")

    metrics = ScorerMetrics()
    meter = Meter(metrics)
    with pytest.raises(CallFailedError) as failed:
        await Gate(meter).unary(UnaryMethod("/s/Score", "score", never), b"", Call(deadline_s=time.monotonic()))
    meter.start()
    meter.stop()

    assert failed.value.status == Status(Code.DEADLINE_EXCEEDED, "deadline: passed before the answer was ready")
    labels = {"method": "Score", "code": "DEADLINE_EXCEEDED"}
    assert metrics.registry.get_sample_value("millstream_scorer_requests_total", labels) == 1


def test_a_stopping_server_ends_the_calls_in_flight(tmp_path: Path) -> None:
    """What was asked before the stop is answered; what is asked after it is unavailable."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        client.score({"buyer": "ann"})
        shop.scorer.stop(drain_s=1.0)
        with pytest.raises(ServerUnavailableError):
            client.score({"buyer": "ann"}, deadline_s=1.0)


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (RequestError("entity.id", "is missing", "send it"), Code.INVALID_ARGUMENT, True),
        (UnknownNameError("model", "is not served", "name another"), Code.NOT_FOUND, True),
        (StoreUnavailableError("store", "no answer"), Code.UNAVAILABLE, True),
        (BrokerUnavailableError("broker", "no answer"), Code.UNAVAILABLE, True),
        (NotServingError("view spend", "no birth"), Code.UNAVAILABLE, True),
        (DeadlinePassedError(), Code.DEADLINE_EXCEEDED, True),
        (UnauthenticatedError("there are none", "send some", "none"), Code.UNAUTHENTICATED, True),
        (NotPermittedError("till", "admin"), Code.PERMISSION_DENIED, True),
        (OverloadedError("is busy", 0.1, "busy"), Code.RESOURCE_EXHAUSTED, True),
        (RateLimitedError("till", 0.1), Code.RESOURCE_EXHAUSTED, True),
        (StateCorruptError("state", "secret bytes"), Code.DATA_LOSS, False),
        (BirthMissingError("shard 3", "secret name"), Code.DATA_LOSS, False),
        (PlanMismatchError("state", "secret", "ours", "theirs"), Code.FAILED_PRECONDITION, False),
        (ValueError("secret"), Code.INTERNAL, False),
        (MillstreamError("secret"), Code.INTERNAL, False),
    ],
)
def test_errors_become_statuses(error: Exception, code: Code, told: bool) -> None:
    """Callers hear of their own faults and of neighbours that are down; ours stay in the log."""
    status = status_of(error)

    assert status.code is code
    assert (status.message == str(error)) is told
    assert "secret" not in status.message


def test_every_family_of_errors_has_its_status() -> None:
    """None that is declared falls through to the unknown."""
    families = {family for family, _, _ in STATUS_OF}

    assert all(any(issubclass(child, family) for family in families) for child in MillstreamError.__subclasses__())
