"""Following the models of a folder, look by look."""

from __future__ import annotations

import gc
import sys
import weakref
from pathlib import Path

from features.routing import CHAMPION
from grpc_api.followed_model import Loading
from grpc_api.model_follower import ModelFollower
from grpc_api.models import Models
from grpc_api.pointer import pointer_file, read_pointer
from grpc_api.served_model import load_model
from tests.grpc_api.shop import DECLARATIONS, publish


def test_looks_and_swaps_leave_no_cyclic_garbage(tmp_path: Path) -> None:
    """A scorer looks five times a second and collects such garbage rarely: it would grow for minutes meanwhile."""
    loading = Loading(
        load=lambda path, pointer, arm: load_model(path, pointer, [DECLARATIONS], arm),
        can_answer=lambda _: True,
        on_refusal=lambda _: None,
    )
    models = Models()
    follower = ModelFollower(folder=tmp_path, loading=loading, models=models)
    publish(tmp_path, "1")
    follower.look()
    replaced, held = weakref.ref(models.find("buys").champion.scorer), sys.getrefcount(loading)
    publish(tmp_path, "2")
    gc.disable()
    try:
        for _ in range(3):
            follower.look()
        assert models.find("buys").champion.version == "2"
        assert replaced() is None
        assert sys.getrefcount(loading) == held
    finally:
        gc.enable()


def test_a_swap_makes_no_kernel(tmp_path: Path) -> None:
    """All models of a plan share them: making one takes the loop's time, and memory."""
    publish(tmp_path, "1")
    first, second = (
        load_model(tmp_path / "buys" / "1", pointer, [DECLARATIONS], CHAMPION)
        for pointer in [read_pointer(pointer_file(tmp_path, "buys"))] * 2
        if pointer is not None
    )
    assert [id(kernel) for kernel in first.inputs.kernels] == [id(kernel) for kernel in second.inputs.kernels]
