"""KServe's inference clients: gRPC and REST, both asynchronous."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import httpx
import numpy as np
import pytest
from expected import (
    DECISIONS,
    FEATURES,
    MODEL,
    OUTPUTS,
    PATIENCE_S,
    RAW_SCORES,
    STUCK,
    VECTORS,
    VERSION,
    score_of,
)
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest, InferResponse
from kserve.inference_client import RESTConfig

DEADLINE_S = 20.0


class Over:
    """One of the two clients, asked in one way."""

    def __init__(self, client: Any, *base: str) -> None:
        self.client = client
        self.base = base

    async def infer(self, request: InferRequest, model: str = MODEL, **how: Any) -> InferResponse:
        if self.base:
            return await self.client.infer(*self.base, request, model_name=model, **how)
        return await self.client.infer(request, **how)


@pytest.fixture(params=["grpc", "rest"])
async def over(request: pytest.FixtureRequest, grpc_address: str, rest_address: str) -> AsyncIterator[Over]:
    """Each test that takes it runs over both."""
    if request.param == "grpc":
        async with InferenceGRPCClient(grpc_address, timeout=DEADLINE_S) as client:
            yield Over(client)
    else:
        async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=DEADLINE_S)) as client:
            yield Over(client, f"http://{rest_address}")


def request_of(array: Any, *, binary: bool = True, model: str = MODEL, **more: Any) -> InferRequest:
    """A request with vectors."""
    array = np.array(array)
    given = InferInput("features", list(array.shape), {"float64": "FP64", "float32": "FP32"}[str(array.dtype)])
    given.set_data_from_numpy(array, binary_data=binary)
    return InferRequest(model, [given], **more)


def outputs_of(response: InferResponse) -> dict[str, list[Any]]:
    return {output.name: output.as_numpy().ravel().tolist() for output in response.outputs}


def assert_scores(response: InferResponse) -> None:
    outputs = outputs_of(response)
    assert list(outputs) == OUTPUTS
    assert outputs["raw_score"] == RAW_SCORES
    assert outputs["score"] == pytest.approx([score_of(raw) for raw in RAW_SCORES], rel=1e-15)
    assert [text if isinstance(text, bytes) else text.encode() for text in outputs["decision"]] == DECISIONS


async def test_the_server_is_live_and_ready(over: Over) -> None:
    assert await over.client.is_server_live(*over.base)
    assert await over.client.is_server_ready(*over.base)


async def test_the_model_is_ready(over: Over) -> None:
    assert await over.client.is_model_ready(*over.base, MODEL)


async def test_an_unknown_model_is_not_ready(over: Over) -> None:
    if over.base:
        assert not await over.client.is_model_ready(*over.base, "sells")
    else:
        with pytest.raises(grpc.RpcError, match="is not served"):
            await over.client.is_model_ready("sells")


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
async def test_vectors_are_scored(over: Over, dtype: str, binary: bool) -> None:
    assert_scores(await over.infer(request_of(np.array(VECTORS, dtype), binary=binary)))


async def test_the_answer_names_request_and_model(over: Over) -> None:
    response = await over.infer(request_of(VECTORS, request_id="mine"))
    assert (response.id, response.model_name) == ("mine", MODEL)
    assert response.model_version == (None if over.base else VERSION)  # this client does not read it from JSON


async def test_outputs_may_be_binary(over: Over) -> None:
    assert_scores(await over.infer(request_of(VECTORS, parameters={"binary_data_output": True})))


async def test_an_entity_is_scored(over: Over) -> None:
    buyers = InferInput("entity.buyer", [2], "BYTES")
    buyers.set_data_from_numpy(np.array([b"ann", b"bob"], dtype=np.object_), binary_data=True)
    baskets = InferInput("request.basket", [2, 1], "FP64")
    baskets.set_data_from_numpy(np.array([[30.0], [1.0]]), binary_data=True)
    outputs = outputs_of(await over.infer(InferRequest(MODEL, [buyers, baskets])))
    assert outputs["raw_score"] == [9.5, 0.0]


async def test_features_may_come_one_by_one(over: Over) -> None:
    inputs = []
    for name, column in zip(FEATURES, np.array(VECTORS).T, strict=True):
        inputs.append(InferInput(name, [len(VECTORS)], "FP64"))
        inputs[-1].set_data_from_numpy(np.ascontiguousarray(column), binary_data=True)
    assert_scores(await over.infer(InferRequest(MODEL, inputs)))


async def test_what_is_wrong_is_told(over: Over) -> None:
    for wrong, words, code, status in (
        (request_of([[1.0]]), "the model takes", grpc.StatusCode.INVALID_ARGUMENT, 400),
        (request_of(VECTORS, model="sells"), "is not served", grpc.StatusCode.NOT_FOUND, 404),
    ):
        with pytest.raises((grpc.RpcError, httpx.HTTPStatusError), match=words) as caught:
            await over.infer(wrong, wrong.model_name)
        if over.base:
            assert caught.value.response.status_code == status
        else:
            assert caught.value.code() is code


async def test_calls_may_be_under_way_beside_each_other(over: Over) -> None:
    for response in await asyncio.gather(*[over.infer(request_of(VECTORS)) for _ in range(30)]):
        assert_scores(response)


def stuck() -> InferRequest:
    """A request that is not answered."""
    buyers = InferInput("entity.buyer", [1], "BYTES")
    buyers.set_data_from_numpy(np.array([STUCK.encode()], dtype=np.object_), binary_data=True)
    return InferRequest(MODEL, [buyers])


async def test_a_call_that_waits_and_is_cancelled_holds_nobody_up(over: Over) -> None:
    waiting = [asyncio.ensure_future(over.infer(stuck())) for _ in range(5)]
    assert_scores(await over.infer(request_of(VECTORS)))
    for call in waiting:
        call.cancel()
    await asyncio.wait(waiting)
    assert all(call.cancelled() for call in waiting)
    assert_scores(await over.infer(request_of(VECTORS)))


async def test_a_deadline_ends_the_call(over: Over) -> None:
    with pytest.raises((grpc.RpcError, httpx.TimeoutException)):
        await over.infer(stuck(), timeout=PATIENCE_S)
    assert_scores(await over.infer(request_of(VECTORS)))
