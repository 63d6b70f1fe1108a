"""A file that is taken in when it is replaced, and again each minute while that fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from features.errors import BundleCorruptError
from grpc_api.file_intake import RETRY_S, FileIntake


class Reader:
    """Takes in a file's text, unless its eyes are shut; what it was told of its own refusals."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.now_s = 1_000.0
        self.problem: Exception | None = None
        self.attempts = 0
        self.taken: list[str] = []
        self.turns: list[str] = []
        self.intake = FileIntake(file, self.take, on_turn=self.turned, now_s=lambda: self.now_s)

    def take(self) -> None:
        self.attempts += 1
        if self.problem is not None:
            raise self.problem
        self.taken.append(self.file.read_text() if self.file.exists() else "")

    def turned(self, error: Exception | None) -> None:
        self.turns.append("taken" if error is None else str(error))

    def write(self, text: str) -> None:
        fresh = self.file.with_suffix(".tmp")
        fresh.write_text(text)
        fresh.replace(self.file)


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Of a file that is there."""
    reader = Reader(tmp_path / "file")
    reader.write("one")
    return reader


def test_each_content_is_taken_in_once(reader: Reader) -> None:
    """However often it is looked at; its end is a content too."""
    for _ in range(3):
        reader.intake.look()
    reader.write("two")
    for _ in range(3):
        reader.intake.look()
        reader.now_s += 2 * RETRY_S
    reader.file.unlink()
    reader.intake.look()
    assert (reader.taken, reader.turns) == (["one", "two", ""], [])


@pytest.mark.parametrize("problem", [BundleCorruptError("b", "is bad"), OSError("no space"), MemoryError("full")])
def test_what_is_refused_is_tried_again_each_minute_and_told_once(reader: Reader, problem: Exception) -> None:
    """Whatever the fault was: once it is gone, so is the refusal, and that is told too."""
    reader.problem = problem
    reader.intake.look()
    assert (reader.attempts, reader.intake.is_refused) == (1, True)
    reader.now_s += RETRY_S - 1
    reader.intake.look()
    assert reader.attempts == 1
    for attempts in (2, 3):
        reader.now_s += RETRY_S
        reader.intake.look()
        reader.intake.look()
        assert reader.attempts == attempts
    assert reader.turns == [str(problem)]
    reader.problem = None
    reader.now_s += RETRY_S
    for _ in range(2):
        reader.intake.look()
        reader.now_s += RETRY_S
    assert (reader.attempts, reader.taken, reader.intake.is_refused) == (4, ["one"], False)
    assert reader.turns == [str(problem), "taken"]


def test_a_content_that_comes_after_a_refused_one_is_not_waited_for(reader: Reader) -> None:
    """It is another file; refused as well, it is told of by itself."""
    reader.problem = BundleCorruptError("b", "is bad")
    reader.intake.look()
    reader.write("two")
    reader.intake.look()
    assert (reader.attempts, len(reader.turns)) == (2, 2)
    reader.problem = None
    reader.write("three")
    reader.intake.look()
    assert (reader.taken, reader.turns[-1]) == (["three"], "taken")


def test_it_can_be_asked_to_try_at_once(reader: Reader) -> None:
    """Taken or refused; a refusal that comes of it is told anew, for other reasons may be behind it."""
    reader.intake.look()
    reader.intake.look_anew()
    reader.intake.look()
    assert reader.taken == ["one", "one"]
    reader.problem = BundleCorruptError("b", "is bad")
    for _ in range(2):
        reader.intake.look_anew()
        reader.intake.look()
    assert (reader.attempts, len(reader.turns)) == (4, 2)
