"""Somebody who does what the pages say, in an empty folder, with a stack that stays up between pages."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.docs.grpcurl import grpcurl
from tests.docs.pages import ROOT, Block, blocks_of
from tests.docs.transcript import fits

DEADLINE_S = 300.0
SCORER = "127.0.0.1:50051"
REST = "127.0.0.1:8080"
"""The scorer's addresses as pages show them; replaced where this stack's are others."""


class Reader:
    """Runs the blocks of pages in ``folder``. ``domain`` is what ``MILLSTREAM_REPO`` names, once there is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.domain: str | None = None
        self._printed = ""
        (folder / ".venv").symlink_to(sys.prefix)

    def read(self, page: Path) -> int:
        """Do what a page says, with the stack up; how many blocks were run or compared."""
        if self.domain is not None:
            self.millstream("up")
        return sum(self._do(block) for block in blocks_of(page))

    def millstream(self, *arguments: str) -> str:
        """What a verb prints; AssertionError where it fails."""
        return self._run([".venv/bin/millstream", *arguments], " ".join(arguments))

    def _do(self, block: Block) -> bool:
        match block.tag.split():
            case ["sh", "run"]:
                self._printed = self._run(["sh", "-euc", self._addressed(block.text)], str(block))
            case ["sh", "make"]:
                self._printed = self._run(
                    ["make", "--no-print-directory", "-C", str(ROOT), *make_words(block)], str(block)
                )
            case ["sh", "grpcurl"]:
                self._printed = grpcurl(self._addressed(block.text))
            case ["python", "run"]:
                self._printed = self._run([".venv/bin/python", "-c", self._addressed(block.text)], str(block))
            case ["diff", "run", file]:
                self._edit(self.folder / file, block)
            case ["text" | "json", ("output" | "like") as how]:
                shown = f"{block} shows\n{block.text}\nbut there came\n{self._printed}"
                assert fits(block.text, self._printed, any_number=how == "like"), shown
            case _:
                return False
        return True

    def _run(self, command: list[str], what: str) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{what} ended with {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(("MILLSTREAM_", "MAKE"))}
        here = {"MILLSTREAM_VAR": str(self.folder / "var")}
        return own | here | ({} if self.domain is None else {"MILLSTREAM_REPO": str(self.folder / self.domain)})

    def _addressed(self, text: str) -> str:
        stack = self.folder / "var" / (self.domain or "") / "stack.json"
        if not stack.is_file():
            return text
        running = json.loads(stack.read_text())
        rest = f"127.0.0.1:{running['settings']['scorer']['rest_port']}"
        return text.replace(SCORER, running["processes"]["scorer"]["address"]).replace(REST, rest)

    @staticmethod
    def _edit(file: Path, block: Block) -> None:
        """Replace the lines that the block takes away, or only shows, by those that it adds or shows."""
        lines = block.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = file.read_text()
        assert text.count(before) == 1, f"{block}: its lines are {text.count(before)} times in {file.name}"
        file.write_text(text.replace(before, after))


def make_words(block: Block) -> list[str]:
    """The words behind ``make`` in a block of one call of it."""
    make, *words = block.text.split()
    assert make == "make", f"{block} is no call of make"
    return words
