"""Arms of a running scorer: who answers, who shadows, and how both are changed while it runs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import grpc
import msgspec
import pytest

from features.errors import StoreUnavailableError
from features.nouns import ScoreRecord
from features.plan import ServicePlan
from features.routing import CHALLENGER, CHAMPION, SHADOW, Routing
from features.vector import MissingPolicy
from grpc_api._generated.inference import open_inference_pb2 as inference_pb
from grpc_api._generated.inference import open_inference_pb2_grpc as rpc
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.call import Call
from grpc_api.model_follower import until_turn
from grpc_api.pointer import pointer_file
from grpc_api.shadows import LIMIT
from millstream import AsyncClient, BatchRow, CallRefusedError, Client, RowFailure, ScoreResult
from tests.grpc_api.shop import DECLARATIONS, PLAN, Shop, open_shop, publish, route
from tests.waiting import wait_until

BUYERS = [f"buyer-{number}" for number in range(200)]
HALF = Routing(challenger=0.5, salt="test")

Running = tuple[Shop, Client]


def arm_of(buyer: str, routing: Routing = HALF) -> str:
    """Who is to answer."""
    return routing.arm(routing.key({"buyer": buyer}, ""))


def asked(client: Client) -> dict[str, ScoreResult]:
    """All buyers scored, one by one."""
    return {buyer: client.score({"buyer": buyer}) for buyer in BUYERS}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A champion whose raw score of a stranger is 0 and a challenger whose is 1, each for half of the buyers."""
    publish(tmp_path, "1")
    publish(tmp_path, "2", CHALLENGER, bias=1.0)
    route(tmp_path, HALF)
    with open_shop(tmp_path) as (shop, client):
        yield shop, client


def shadow_records(shop: Shop) -> list[ScoreRecord]:
    """What the shadow has recorded so far."""
    return [record for record in shop.records.records if record.arm == SHADOW]


def test_each_entity_has_its_arm(running: Running) -> None:
    """Answer, record and metric say which it was; asking again changes nothing."""
    shop, client = running
    answers = asked(client)
    assert {buyer: answer.arm for buyer, answer in answers.items()} == {buyer: arm_of(buyer) for buyer in BUYERS}
    assert {(answer.arm, answer.version, answer.raw_score) for answer in answers.values()} == {
        (CHAMPION, "1", 0.0), (CHALLENGER, "2", 1.0)
    }  # fmt: skip
    assert [record.arm for record in shop.records.records] == [arm_of(buyer) for buyer in BUYERS]
    assert [answer.arm for answer in asked(client).values()] == [answer.arm for answer in answers.values()]
    by_model = {"model": "buys", "version": "2", "arm": CHALLENGER, "decision": "leaves"}
    wait_until(lambda: shop.sample("millstream_scorer_scores_total", **by_model) >= 50)
    for arm, version in ((CHAMPION, "1"), (CHALLENGER, "2")):
        assert shop.sample("millstream_scorer_routing_share", model="buys", arm=arm) == 0.5
        (info,) = [
            sample
            for metric in shop.metrics.registry.collect()
            for sample in metric.samples
            if sample.name == "millstream_scorer_model_info" and sample.labels["arm"] == arm
        ]
        assert info.labels["version"] == version


def test_shares_change_live_and_move_only_who_must(running: Running, tmp_path: Path) -> None:
    """From a half to four fifths, nobody who was the challenger's is taken from it; then the challenger goes."""
    _, client = running
    more = Routing(challenger=0.8, salt="test")
    before = asked(client)
    route(tmp_path, more)
    moved = next(buyer for buyer in BUYERS if arm_of(buyer) != arm_of(buyer, more))
    wait_until(lambda: client.score({"buyer": moved}).arm == CHALLENGER)
    after = asked(client)
    for buyer in BUYERS:
        assert after[buyer].arm == arm_of(buyer, more)
        assert (before[buyer].arm, after[buyer].arm) != (CHALLENGER, CHAMPION)
    pointer_file(tmp_path, "buys", CHALLENGER).unlink()
    wait_until(lambda: client.score({"buyer": moved}).arm == CHAMPION)
    assert {answer.arm for answer in asked(client).values()} == {CHAMPION}


def test_each_row_of_a_batch_goes_its_way(running: Running) -> None:
    """In the order asked; a bad row fails alone, whoever would have answered it."""
    _, client = running
    rows = [BatchRow({"buyer": buyer}) for buyer in BUYERS]
    rows[7] = BatchRow({"seller": "x"})
    found = client.score_batch(rows)
    assert isinstance(found[7], RowFailure)
    for buyer, answer in zip(BUYERS, found, strict=True):
        if isinstance(answer, ScoreResult):
            assert (answer.arm, answer.version) == (arm_of(buyer), "1" if arm_of(buyer) == CHAMPION else "2")
            assert answer.raw_score == (0.0 if answer.arm == CHAMPION else 1.0)
            assert answer.model == "buys"
            assert list(answer.view_hashes) == ["spend"]


def test_a_stream_goes_the_same_ways(running: Running) -> None:
    """Row by row, in the order asked, each with who answered it."""
    _, client = running
    found = list(client.score_stream([BatchRow({"buyer": buyer}) for buyer in BUYERS]))
    assert [answer.arm for answer in found if isinstance(answer, ScoreResult)] == [arm_of(buyer) for buyer in BUYERS]


async def test_a_stream_may_be_routed_by_one_key(running: Running) -> None:
    """By either client: all of its rows have one arm then."""
    keys = {HALF.arm(HALF.key({}, "", f"session-{number}")): f"session-{number}" for number in range(20)}
    rows = [BatchRow({"buyer": buyer}) for buyer in BUYERS[:20]]
    async with AsyncClient(running[0].address) as client:
        for arm, key in keys.items():
            found = list(running[1].score_stream(rows, routing_key=key))
            found += [answer async for answer in client.score_stream(rows, routing_key=key)]
            assert [answer.arm for answer in found if isinstance(answer, ScoreResult)] == [arm] * 40


def test_each_arm_tells_how_long_it_takes_and_what_it_could_not_score(tmp_path: Path) -> None:
    """So a challenger that is slow or refuses is seen before it is champion; a shadow tells its time, too."""
    publish(tmp_path, "1")
    publish(tmp_path, "2", CHALLENGER, missing=MissingPolicy(default="fail"))
    publish(tmp_path, "3", SHADOW)
    route(tmp_path, HALF)
    mine, theirs = (next(name for name in BUYERS if arm_of(name) == arm) for arm in (CHAMPION, CHALLENGER))
    with open_shop(tmp_path) as (shop, client):

        def timed(arm: str) -> float:
            return shop.sample("millstream_scorer_arm_seconds_count", model="buys", arm=arm)

        def failed(arm: str, version: str) -> float:
            names = {"model": "buys", "version": version, "arm": arm, "code": "INVALID_ARGUMENT"}
            return shop.sample("millstream_scorer_row_errors_total", **names)

        client.score({"buyer": mine})
        with pytest.raises(CallRefusedError, match="is missing"):
            client.score({"buyer": theirs})
        assert isinstance(client.score_batch([{"buyer": theirs}])[0], RowFailure)
        wait_until(lambda: failed(CHALLENGER, "2") == 2)
        wait_until(lambda: timed(SHADOW) == 1)
        assert (failed(CHAMPION, "1"), timed(CHAMPION), timed(CHALLENGER)) == (0, 1, 0)
        assert 0 < shop.sample("millstream_scorer_arm_seconds_sum", model="buys", arm=CHAMPION) < 1


def test_all_arms_are_listed(running: Running) -> None:
    """Each with its version."""
    assert [(info.arm, info.version) for info in running[1].list_models()] == [(CHALLENGER, "2"), (CHAMPION, "1")]


def test_the_open_inference_protocol_lists_the_version_that_may_be_named(running: Running) -> None:
    """Which is the champion's: whom a challenger or shadow answers is not for callers to say."""
    with grpc.insecure_channel(running[0].address) as channel:
        inference = rpc.GRPCInferenceServiceStub(channel)
        listed = inference.ModelMetadata(inference_pb.ModelMetadataRequest(name="buys")).versions
        assert list(listed) == ["1"]
        assert inference.ModelReady(inference_pb.ModelReadyRequest(name="buys", version=listed[0])).ready
        with pytest.raises(grpc.RpcError, match="'2' of buys does not serve"):
            inference.ModelReady(inference_pb.ModelReadyRequest(name="buys", version="2"))


def test_a_request_may_name_what_it_is_routed_by(running: Running) -> None:
    """One key, one arm, whoever the entities are; and it is recorded, for who compares the arms."""
    shop, _ = running
    for key in ("session-1", "session-2", "session-3", "session-4"):
        arm = HALF.arm(HALF.key({}, "", key))
        for buyer in BUYERS[:3]:
            request = pb.ScoreRequest(entity={"buyer": pb.Value(text=buyer)}, routing_key=key)
            answer = shop.scorer.run(shop.scorer.core.score(request.SerializeToString(), Call()))
            assert pb.ScoreResponse.FromString(answer).arm == arm
        assert shop.records.records[-1].routing_key == key


def test_a_promoted_challenger_is_the_champion_at_once(running: Running, tmp_path: Path) -> None:
    """With the session that it has; nobody is refused meanwhile."""
    shop, client = running
    challenger = shop.scorer.core._models.find("buys").challenger
    pointer_file(tmp_path, "buys", CHALLENGER).replace(pointer_file(tmp_path, "buys", CHAMPION))
    wait_until(lambda: {answer.arm for answer in asked(client).values()} == {CHAMPION})
    models = shop.scorer.core._models.find("buys")
    assert challenger is not None
    assert models.champion.scorer is challenger.scorer
    assert (models.champion.version, models.challenger) == ("2", None)


def test_an_arm_that_asks_for_other_entities_is_refused(running: Running, tmp_path: Path) -> None:
    """It could not answer what the champion is asked; the refusal is counted, the champion answers all."""
    shop, client = running
    publish(tmp_path, "3", CHALLENGER, service="buyers_in_shops")
    wait_until(lambda: shop.sample("millstream_scorer_bundles_refused_total", model="buys"))
    assert {answer.arm for answer in asked(client).values()} == {CHAMPION}


def test_routing_by_what_is_no_join_key_is_refused(running: Running, tmp_path: Path) -> None:
    """The champion answers all until it is mended."""
    shop, client = running
    route(tmp_path, Routing(challenger=1.0, by=("seller",)))
    wait_until(lambda: shop.sample("millstream_scorer_bundles_refused_total", model="buys"))
    assert client.score({"buyer": "ann"}).arm == CHAMPION
    route(tmp_path, Routing(challenger=1.0, by=("buyer",)))
    wait_until(lambda: client.score({"buyer": "ann"}).arm == CHALLENGER)


def test_a_bad_challenger_changes_nothing(running: Running, tmp_path: Path) -> None:
    """The one before goes on, as a champion would."""
    shop, client = running
    pointer_file(tmp_path, "buys", CHALLENGER).write_text("{")
    wait_until(lambda: shop.sample("millstream_scorer_bundles_refused_total", model="buys"))
    assert {answer.version for answer in asked(client).values()} == {"1", "2"}


def test_a_shadow_scores_the_same_requests_unheard(tmp_path: Path) -> None:
    """From the very states of the answer, as of the same instant; with the request's id, and no trace in the answer."""
    publish(tmp_path, "1")
    publish(tmp_path, "9", SHADOW, bias=5.0)
    with open_shop(tmp_path) as (shop, client):
        answers = [client.score({"buyer": buyer}) for buyer in ("ann", "bob", "stranger")]
        client.score_batch([BatchRow({"buyer": buyer}) for buyer in BUYERS])
        wait_until(lambda: len(shadow_records(shop)) == 203)
        answered = {record.request_id: record for record in shop.records.records if record.arm == CHAMPION}
        for record in shadow_records(shop):
            of = answered[record.request_id]
            assert (record.version, record.raw_score) == ("9", of.raw_score + 5.0)
            assert (record.as_of_us, record.entity, record.views) == (of.as_of_us, of.entity, of.views)
        assert {answer.version for answer in answers} == {"1"}
        counted = {"model": "buys", "outcome": "scored"}
        wait_until(lambda: shop.sample("millstream_scorer_shadows_total", **counted) == 203)


def test_a_shadow_may_read_other_views(tmp_path: Path) -> None:
    """They are fetched for it, as of the instant of the answer."""
    names = [ref for ref in PLAN.services[1].features if ref.view == "pairs"]
    alone = ServicePlan(name="pairs_alone", features=tuple(names))
    first = ServicePlan(name="spend_in_shops", features=PLAN.services[1].features)
    plan = msgspec.structs.replace(PLAN, services=(*PLAN.services, alone, first))
    publish(tmp_path, "1", service="pairs_alone", plan=plan)
    publish(tmp_path, "9", SHADOW, service="spend_in_shops", plan=plan, weights=[1.0, 0.0, 0.0])
    declared = dataclasses.replace(DECLARATIONS, plan=plan)
    with open_shop(tmp_path, declared=(declared,)) as (shop, client):
        client.score({"buyer": "ann", "shop": 7})
        (record,) = wait_until(lambda: shadow_records(shop))
        assert ([view.view for view in record.views], record.raw_score) == (["spend", "pairs"], 2.0)


def test_a_shadow_gets_its_share(tmp_path: Path) -> None:
    """Drawn by the routing key: the same entities each time."""
    publish(tmp_path, "1")
    publish(tmp_path, "9", SHADOW)
    routing = Routing(shadow=0.25, salt="test")
    route(tmp_path, routing)
    with open_shop(tmp_path) as (shop, client):
        asked(client)
        expected = {buyer for buyer in BUYERS if routing.is_shadowed(routing.key({"buyer": buyer}, ""))}
        wait_until(lambda: len(shadow_records(shop)) == len(expected))
        assert {record.entity["buyer"] for record in shadow_records(shop)} == expected


@pytest.mark.faults
def test_a_shadow_that_fails_is_nobodys_trouble(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is counted; answers and their records are as without it, and the next request is shadowed again."""
    publish(tmp_path, "1")
    publish(tmp_path, "9", SHADOW)
    with open_shop(tmp_path) as (shop, client):
        shadow = shop.scorer.core._models.find("buys").shadow
        assert shadow is not None

        def fail(*_: object) -> None:
            raise StoreUnavailableError("store", "is away")

        with monkeypatch.context() as patched:
            patched.setattr(shadow.scorer, "raw_scores", fail)
            assert {answer.version for answer in asked(client).values()} == {"1"}
            failed = {"model": "buys", "outcome": "failed"}
            wait_until(lambda: shop.sample("millstream_scorer_shadows_total", **failed) == len(BUYERS))
        assert not shadow_records(shop)
        client.score({"buyer": "ann"})
        wait_until(lambda: len(shadow_records(shop)) == 1)


def test_what_shadows_have_no_time_for_is_dropped_and_counted(tmp_path: Path) -> None:
    """The queue is bounded, and all requests are answered; what is in it is scored once there is time."""
    publish(tmp_path, "1")
    publish(tmp_path, "9", SHADOW)
    with open_shop(tmp_path) as (shop, client):
        shadows = shop.scorer.inner._shadows
        shop.scorer.run(shadows.stop())
        rows = [BatchRow({"buyer": buyer}) for buyer in BUYERS] * 3
        for _ in range(2):
            assert len(client.score_batch(rows)) == len(rows)
        dropped = {"model": "buys", "outcome": "dropped"}
        wait_until(lambda: shop.sample("millstream_scorer_shadows_total", **dropped) == 2 * len(rows) - LIMIT)
        assert not shadow_records(shop)

        async def begin() -> None:
            shadows.start()

        shop.scorer.run(begin())
        wait_until(lambda: len(shadow_records(shop)) == LIMIT, deadline_s=60)
        assert len(shop.records.records) == 2 * len(rows) + LIMIT


def test_processes_look_by_turns() -> None:
    """Each at its own part of the interval, so no two load a model at one instant."""
    waits = [until_turn(100.04, 0.2, number / 4) for number in range(4)]
    assert [round(100.04 + wait, 6) for wait in waits] == [100.2, 100.05, 100.1, 100.15]
