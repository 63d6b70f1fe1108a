"""The room's own documentation."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import pytest

import monitoring

MODULES = [importlib.import_module(f"monitoring.{found.name}") for found in pkgutil.iter_modules(monitoring.__path__)]
DETECTORS = (
    "adaptive_mean", "adaptive_spread", "benjamini_hochberg", "block_means", "kolmogorov_smirnov", "mean_difference",
    "null_rate", "sample_window", "time_order",
)  # fmt: skip


def public_functions(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Functions and methods of a module that other code may call."""
    for name, thing in vars(module).items():
        if name.startswith("_") or getattr(thing, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing) and not getattr(thing, "_is_protocol", False):
            yield from ((f"{name}.{n}", m) for n, m in vars(thing).items() if inspect.isfunction(m) and n[0] != "_")


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_examples_in_docstrings_are_true(module: ModuleType) -> None:
    """Every doctest of the room gives what it says."""
    failed, _ = doctest.testmod(module)
    assert failed == 0


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_carry_an_example_and_their_paper(name: str) -> None:
    """A reader sees each detector at work, and where it comes from."""
    module = importlib.import_module(f"monitoring.{name}")
    text = inspect.getsource(module)
    assert ">>> " in text
    assert "References\n" in text


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_public_functions_say_what_they_take_and_give(module: ModuleType) -> None:
    """Parameters and results are documented in numpydoc's sections."""
    for name, function in public_functions(module):
        if name in {"Handler.do_GET", "Handler.log_message"}:
            continue
        signature = inspect.signature(function)  # type: ignore[arg-type]  # a function, as filtered above
        text = inspect.getdoc(function) or ""
        if [p for p in signature.parameters if p != "self"]:
            assert "Parameters\n---" in text, f"{module.__name__}.{name}"
        if signature.return_annotation not in {"None", inspect.Signature.empty}:
            assert "Returns\n---" in text or "Yields\n---" in text, f"{module.__name__}.{name}"
