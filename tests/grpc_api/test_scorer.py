"""A running scorer, asked over gRPC; its store is in memory."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest

from features.nouns import Note
from features.sigmoid import sigmoid
from features.vector import MissingPolicy
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.call import Call
from grpc_api.pointer import pointer_file
from grpc_api.status import DeadlinePassedError
from millstream import BatchRow, CallRefusedError, Client, RowFailure, ScoreResult, ServerUnavailableError
from tests.grpc_api.shop import HOUR_US, NOON_US, PAIRS, PLAN, SPEND, Shop, open_shop, point_at, publish, write_bundle
from tests.waiting import wait_until

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = EPOCH + timedelta(microseconds=NOON_US)

Running = tuple[Shop, Client]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A scorer with one model and two known buyers, at noon."""
    publish(tmp_path, "1")
    with open_shop(tmp_path) as (shop, client):
        yield shop, client


def test_a_score_is_the_model_on_features_as_of_the_request(running: Running) -> None:
    """Count, sum and the rest are finished at the clock's instant, and the decision follows from the threshold."""
    result = running[1].score({"buyer": "ann"}, request={"basket": 30.0})

    assert result.raw_score == 2 + 0.25 * 30.0
    assert result.score == sigmoid(result.raw_score)
    assert result.decision == "buys"
    assert result.as_of == NOON
    assert result.newest_feature_age == timedelta(hours=1)
    assert (result.model, result.version, result.arm) == ("buys", "1", "champion")
    assert result.view_hashes == {"spend": SPEND.hash}
    assert result.notes == ()


def test_windows_end_at_as_of(running: Running) -> None:
    """A day later the same entity has an empty window."""
    result = running[1].score({"buyer": "ann"}, as_of=NOON + timedelta(days=2), request={"basket": 1.0})

    assert result.raw_score == 0.0
    assert result.decision == "leaves"


def test_as_of_behind_the_state_is_noted(running: Running) -> None:
    """Windows are finished at the state's newest event, which is not in them."""
    result = running[1].score({"buyer": "ann"}, as_of=NOON - timedelta(hours=3), request={"basket": 1.0})

    assert [(note.feature, note.reason) for note in result.notes] == [("spend", "as_of_behind_state")]
    assert result.raw_score == 1 + 0.25 * 10.0
    assert result.newest_feature_age == timedelta(hours=-2)


@pytest.mark.faults
def test_an_unknown_entity_is_scored_and_noted(running: Running) -> None:
    """Its features are missing, and what needs them, each with a note; the policy here gives the model NaN."""
    result = running[1].score({"buyer": "nobody"}, request={"basket": 1.0})

    assert {(note.feature, note.reason, note.defaulted) for note in result.notes} == {
        (name, "unknown_entity", False) for name in PLAN.service("buyers").feature_names
    }
    assert result.newest_feature_age is None
    assert result.raw_score == 0.0


def test_a_stale_entity_and_a_field_not_supplied_are_noted(running: Running) -> None:
    """Bob's newest sale is older than the view's limit, and the request has no basket."""
    reasons = {note.reason for note in running[1].score({"buyer": "bob"}).notes}

    assert reasons == {"stale", "not_supplied"}


def test_the_policy_puts_defaults_in_or_fails(tmp_path: Path) -> None:
    """A default is noted as one; a feature that must not be missing refuses the request."""
    publish(tmp_path, "1", missing=MissingPolicy(features={"spend:n_day": 7.0, "spend:sum_day": "fail"}))
    with (
        open_shop(tmp_path) as (_, client),
        pytest.raises(CallRefusedError, match=r"spend:sum_day.*INVALID_ARGUMENT"),
    ):
        client.score({"buyer": "nobody"}, request={"basket": 1.0})
    publish(tmp_path, "2", missing=MissingPolicy(default=7.0))
    with open_shop(tmp_path) as (_, client):
        result = client.score({"buyer": "nobody"}, request={"basket": 1.0})
        assert all(note.defaulted for note in result.notes)
        assert result.raw_score == 7.0 + 0.25 * 7.0


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ({}, r"entity\.buyer: is missing"),
        ({"buyer": 7}, r"entity\.buyer: is set as `integer`; it is a string: set `text`"),
        ({"buyer": "ann", "colour": "red"}, r"entity\.colour: is not a join key"),
    ],
)
def test_wrong_keys_are_refused(running: Running, entity: dict[str, str | int], message: str) -> None:
    """The message says which key, what is wrong and what to send; nothing is recorded."""
    with pytest.raises(CallRefusedError, match=message + r".*INVALID_ARGUMENT"):
        running[1].score(entity)

    assert running[0].records.records == []


def test_wrong_request_fields_are_refused(running: Running) -> None:
    """Neither an unknown field nor one of another type is let through."""
    with pytest.raises(CallRefusedError, match="basket: is a str"):
        running[1].score({"buyer": "ann"}, request={"basket": "large"})
    with pytest.raises(CallRefusedError, match="cart: is not a request field"):
        running[1].score({"buyer": "ann"}, request={"cart": 1.0})


def test_unknown_names_are_not_found(running: Running) -> None:
    """A model or service that there is not is named, with those that there are."""
    with pytest.raises(CallRefusedError, match=r"'sells' is not served; name one of \['buys'\] \(NOT_FOUND\)"):
        running[1].score({"buyer": "ann"}, model="sells")
    with pytest.raises(CallRefusedError, match=r"'sellers' is not declared.*NOT_FOUND"):
        running[1].get_features({"buyer": "ann"}, service="sellers")


def test_bytes_that_are_no_message_are_refused(running: Running) -> None:
    """Neither a crash nor an unknown error."""
    with grpc.insecure_channel(running[0].address) as channel:
        call = channel.unary_unary("/millstream.scoring.v1.Scoring/Score", bytes, bytes)
        with pytest.raises(grpc.RpcError) as refused:
            call(b"\xff\xff\xff", timeout=5)

    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_an_instant_that_the_lake_cannot_tell_is_refused(running: Running) -> None:
    """The far future is a mistake of units more often than not."""
    with pytest.raises(CallRefusedError, match=r"as_of: .* out of range"):
        running[1].score({"buyer": "ann"}, as_of=datetime(2200, 1, 1, tzinfo=UTC))


def test_the_record_is_what_was_answered(running: Running) -> None:
    """Every part of the answer stands in the record, beside what is needed to prove it again."""
    shop, client = running
    result = client.score({"buyer": "ann"}, request={"basket": 30.0}, request_id="mine")

    (record,) = shop.records.records
    assert (record.score, record.raw_score, record.decision) == (result.score, result.raw_score, result.decision)
    assert (record.model, record.version, record.arm) == (result.model, result.version, result.arm)
    assert record.request_id == result.request_id == "mine"
    assert EPOCH + timedelta(microseconds=record.as_of_us) == result.as_of
    assert record.entity == {"buyer": "ann"}
    assert record.request == {"basket": 30.0}
    assert record.features == (
        "spend:n_day",
        "spend:sum_day",
        "spend:mean_day",
        "spend:since_last",
        "at_request:basket_ratio",
    )
    assert record.vector == (2.0, 30.0, 15.0, 3600.0, 2.0)
    (reading,) = record.views
    assert (reading.view, reading.view_hash, reading.birth) == ("spend", SPEND.hash, "b1")
    assert [position[1:] for position in reading.positions] == [(0, 1)]
    assert reading.newest_us == NOON_US - HOUR_US


def test_a_record_has_null_where_the_model_was_given_nan(running: Running) -> None:
    """And the notes of the answer."""
    shop, client = running
    client.score({"buyer": "nobody"}, request={"basket": 30.0})

    (record,) = shop.records.records
    assert record.vector == (None, None, None, None, None)
    assert record.notes[0] == Note(feature="spend:n_day", reason="unknown_entity")
    assert record.views[0].positions == ()


def test_request_ids_are_made_where_none_is_given(running: Running) -> None:
    """Each is different."""
    ids = {running[1].score({"buyer": "ann"}).request_id for _ in range(5)}

    assert len(ids) == 5
    assert "" not in ids


def test_a_batch_gives_what_single_scores_give(running: Running) -> None:
    """Over several chunks, in order, bit for bit, one record a row."""
    shop, client = running
    rows = [BatchRow({"buyer": ("ann", "bob", "nobody")[i % 3]}, request={"basket": i / 7}) for i in range(250)]
    results = client.score_batch(rows, as_of=NOON)

    assert len(results) == 250
    assert len(shop.records.records) == 250
    for row, result in zip(rows[:9], results, strict=False):
        single = client.score(row.entity, request=row.request, as_of=NOON)
        assert isinstance(result, ScoreResult)
        assert (single.raw_score, single.score, single.notes) == (result.raw_score, result.score, result.notes)
        assert (single.version, single.view_hashes) == (result.version, result.view_hashes)


def test_a_row_of_a_batch_fails_alone(running: Running) -> None:
    """Its neighbours have their scores; it has a code and a message."""
    results = running[1].score_batch([{"buyer": "ann"}, {"buyer": 7}, {"buyer": "bob"}])

    assert isinstance(results[0], ScoreResult)
    assert isinstance(results[1], RowFailure)
    assert results[1].code == "INVALID_ARGUMENT"
    assert "entity.buyer" in results[1].message
    assert isinstance(results[2], ScoreResult)
    nobodys = {"model": "", "version": "", "arm": "", "code": "INVALID_ARGUMENT"}
    wait_until(lambda: running[0].sample("millstream_scorer_row_errors_total", **nobodys) == 1)


def test_rows_of_a_batch_may_have_instants_of_their_own(running: Running) -> None:
    """The batch's own is for the others."""
    later = NOON + timedelta(hours=1)
    results = running[1].score_batch([BatchRow({"buyer": "ann"}, as_of=later), {"buyer": "ann"}], as_of=NOON)

    assert [result.as_of for result in results if isinstance(result, ScoreResult)] == [later, NOON]


def test_an_empty_batch_is_answered(running: Running) -> None:
    """With no rows."""
    assert running[1].score_batch([]) == []


def test_a_batch_over_the_limit_is_refused(running: Running) -> None:
    """Before any work."""
    with pytest.raises(CallRefusedError, match="rows: are 1001; send at most 1000"):
        running[1].score_batch([{"buyer": "ann"}] * 1_001)

    assert running[0].records.records == []


def test_features_are_those_that_a_score_would_see(running: Running) -> None:
    """With types: counts are integers. Request-time features are computed."""
    found = running[1].get_features({"buyer": "ann"}, service="buyers", request={"basket": 30.0})

    assert found.values == {
        "spend:n_day": 2,
        "spend:sum_day": 30.0,
        "spend:mean_day": 15.0,
        "spend:since_last": 3600.0,
        "at_request:basket_ratio": 2.0,
    }
    assert isinstance(found.values["spend:n_day"], int)
    assert {feature.presence for feature in found.features} == {"present"}
    assert running[0].records.records == []


def test_features_say_why_they_are_missing(running: Running) -> None:
    """An unknown entity, a stale one (whose values are shown), the null of an empty window, a field not supplied."""
    client = running[1]
    unknown = client.get_features({"buyer": "nobody"}, model="buys")
    stale = client.get_features({"buyer": "bob"}, model="buys")
    empty = client.get_features({"buyer": "ann"}, model="buys", as_of=NOON + timedelta(days=2))

    assert [feature.presence for feature in unknown.features] == ["unknown_entity"] * 4 + ["not_supplied"]
    assert [feature.presence for feature in stale.features] == ["stale"] * 4 + ["not_supplied"]
    assert stale.values["spend:since_last"] == 100 * 86_400.0
    assert [feature.presence for feature in empty.features] == ["present", "present", "null", "present", "not_supplied"]
    assert empty.values["spend:mean_day"] is None


def test_features_name_the_states_that_were_read(running: Running) -> None:
    """Views on different entities are fetched together, and each tells its positions."""
    with grpc.insecure_channel(running[0].address) as channel:
        call = channel.unary_unary(
            "/millstream.scoring.v1.Scoring/GetFeatures",
            request_serializer=pb.GetFeaturesRequest.SerializeToString,
            response_deserializer=pb.GetFeaturesResponse.FromString,
        )
        entity = {"buyer": pb.Value(text="ann"), "shop": pb.Value(integer=7)}
        found = call(pb.GetFeaturesRequest(entity=entity, service="buyers_in_shops"), timeout=5)

    assert [
        (feature.name, feature.value.integer) for feature in found.features if feature.value.HasField("integer")
    ] == [
        ("spend:n_day", 2),
        ("pairs:n", 1),
    ]
    assert [(view.view, view.view_hash, view.birth) for view in found.views] == [
        ("spend", SPEND.hash, "b1"),
        ("pairs", PAIRS.hash, "b1"),
    ]
    assert [[(p.partition, p.offset) for p in view.positions] for view in found.views] == [[(0, 1)], [(0, 0)]]


class Impatient(Call):
    """A call that is wanted so many times."""

    def __init__(self, patience: int) -> None:
        super().__init__()
        self.patience = patience

    @property
    def is_wanted(self) -> bool:
        self.patience -= 1
        return self.patience >= 0


def test_a_batch_that_nobody_waits_for_any_more_stops(running: Running) -> None:
    """Between chunks; here before the third, while the second may still be under way."""
    shop = running[0]
    rows = [pb.BatchRow(entity={"buyer": pb.Value(text="ann")})] * 500
    with pytest.raises(DeadlinePassedError):
        shop.scorer.run(shop.scorer.core.score_batch(pb.ScoreBatchRequest(rows=rows).SerializeToString(), Impatient(2)))

    assert len(shop.records.records) in {100, 200}


def test_no_model_is_unavailable_not_wrong(tmp_path: Path) -> None:
    """Until the first is published."""
    with open_shop(tmp_path) as (_, client):
        with pytest.raises(ServerUnavailableError, match="no model is published yet"):
            client.score({"buyer": "ann"})
        assert client.get_features({"buyer": "ann"}, service="buyers").values["spend:n_day"] == 2


def test_several_models_serve_beside_each_other(tmp_path: Path) -> None:
    """Then each request names one."""
    publish(tmp_path, "1")
    publish(tmp_path, "4", model="buys_here", service="buyers_in_shops", weights=[0.0, 0.0, 3.0])
    with open_shop(tmp_path) as (_, client):
        assert client.score({"buyer": "ann", "shop": 7}, model="buys_here").raw_score == 3.0
        assert client.score({"buyer": "ann"}, model="buys").raw_score == 9.5
        with pytest.raises(CallRefusedError, match="several models are served"):
            client.score({"buyer": "ann"})


@pytest.mark.faults
def test_a_bundle_that_may_not_serve_is_refused_and_the_old_one_goes_on(running: Running) -> None:
    """Here a file of it was altered after it was sealed."""
    shop, client = running
    bundle = write_bundle(shop.models / "buys" / "2", bias=1.0)
    (bundle.path / "model.onnx").write_bytes(b"altered")
    point_at(shop.models, "buys", "2", bundle.digest)
    wait_until(lambda: shop.sample("millstream_scorer_bundles_refused_total", model="buys") == 1)

    assert client.score({"buyer": "ann"}).version == "1"


def test_a_pointer_that_cannot_be_read_changes_nothing(running: Running) -> None:
    """The model that serves stays."""
    shop, client = running
    pointer_file(shop.models, "buys").write_text("{")
    wait_until(lambda: shop.sample("millstream_scorer_bundles_refused_total", model="buys") == 1)

    assert client.score({"buyer": "ann"}).version == "1"
