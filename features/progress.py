"""Progress bars on stderr for what takes long."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TextIO, TypeAlias

Progress: TypeAlias = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows how far a step is: takes what it does and how many there are, gives what is called with each that is done."""


@contextmanager
def progress_bar(what: str, total: int | None, stream: TextIO | None = None) -> Iterator[Callable[[int], None]]:
    """A bar that is advanced by calling it; where stderr is no terminal, one line when the step is over."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(file=stream or sys.stderr)
    columns = (TextColumn("  {task.description:<32}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    done, began_s = 0, time.monotonic()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress.advance(task, count)

        yield advance
    if not console.is_terminal:
        print(f"  {what:<32} {done:,} in {time.monotonic() - began_s:.1f} s", file=console.file, flush=True)


@contextmanager
def no_progress(what: str, total: int | None) -> Iterator[Callable[[int], None]]:  # noqa: ARG001 - of the contract
    """Show nothing."""
    yield lambda _: None
