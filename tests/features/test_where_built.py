"""What was not built is left out; all else that goes wrong with an import is told."""

from __future__ import annotations

from importlib import import_module

import pytest

from features.compiled import WhereBuilt


def test_a_block_whose_module_was_not_built_is_left_out() -> None:
    """And only from its import on."""
    reached = list[str]()
    with WhereBuilt():
        reached.append("before")
        import_module("features.compiled.imagined")
        reached.append("after")
    assert reached == ["before"]


@pytest.mark.parametrize("name", ["imagined", "features.imagined", "features.compiled_imagined"])
def test_another_module_that_is_missing_is_told(name: str) -> None:
    """It is no compiled one."""
    with pytest.raises(ModuleNotFoundError, match=name), WhereBuilt():
        import_module(name)


def test_a_module_that_does_not_load_is_told() -> None:
    """It was built, and for another machine."""
    with pytest.raises(ImportError, match="wrong ELF class"), WhereBuilt():
        raise ImportError("wrong ELF class", name="features.compiled.packing")
