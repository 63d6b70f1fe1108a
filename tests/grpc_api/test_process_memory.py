"""What a scorer process does so that its memory stays what it needs."""

from __future__ import annotations

import ctypes
import os
import platform
import subprocess
import sys
from types import SimpleNamespace

import pytest

from grpc_api.process_memory import give_back_large_blocks

SWAP_BLOCKS = """
from grpc_api.process_memory import give_back_large_blocks
import psutil

give_back_large_blocks()
process = psutil.Process()
before = process.memory_info().rss
model = [bytearray(1 << 20) for _ in range(4)]
for _ in range(8):  # the next model is there before the last one goes, and requests leave small blocks in between
    kept = [bytearray(1 << 10) for _ in range(64)]
    model = [bytearray(1 << 19) for _ in range(64)]
    for block in model:
        block[::4096] = b"x" * 128
    pin = [bytearray(1 << 10) for _ in range(64)]
del model
print((process.memory_info().rss - before) >> 20)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the C library whose heap grows so")
def test_memory_of_a_model_goes_back_when_the_model_goes() -> None:
    """Of blocks of 32 MiB nothing is left: without the setting, the heap keeps them below what came after."""
    environment = {**os.environ, "LD_PRELOAD": ""}  # another allocator keeps what it likes
    words = [sys.executable, "-c", SWAP_BLOCKS]
    found = subprocess.run(words, check=True, capture_output=True, text=True, env=environment)
    assert int(found.stdout) < 4


def test_where_there_is_no_such_setting_a_scorer_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With musl and on macOS the C library has none; on Windows the process cannot be opened as a library."""
    asked: list[str | None] = []

    def open_library(name: str | None) -> SimpleNamespace:
        asked.append(name)
        return SimpleNamespace()

    monkeypatch.setattr(ctypes, "CDLL", open_library)
    give_back_large_blocks()
    assert asked == [None]
    monkeypatch.setattr(sys, "platform", "win32")
    give_back_large_blocks()
    assert asked == [None]
