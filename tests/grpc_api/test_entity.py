"""Entities of requests."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from features.errors import RequestError
from features.plan import EntityKeyPlan
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.entity import EntityKeys
from tests.grpc_api.shop import SPEND


@pytest.mark.parametrize("given", [2**31, -(2**31) - 1])
def test_a_number_that_its_key_cannot_hold_is_its_row_s_fault(given: int) -> None:
    """Told when the row is parsed: the store's key could not be made of it, and others are asked for beside it."""
    view = replace(SPEND, keys=(EntityKeyPlan(name="shop", type="int32"),))
    keys = EntityKeys("shop", (view,))
    assert keys.parse({"shop": pb.Value(integer=2**31 - 1)}) == {"shop": 2**31 - 1}
    with pytest.raises(RequestError, match="int32"):
        keys.parse({"shop": pb.Value(integer=given)})
