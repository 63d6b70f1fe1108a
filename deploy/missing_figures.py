"""Figures of a comparison that could not be had, and why; the others are told all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class MissingFigures:
    """What did not run.

    Parameters
    ----------
    failures
        What says that a contestant, or a server under it, does not do its part.
    note
        Tells people at once.

    Attributes
    ----------
    told
        Each with its ``name``, ``what`` and ``reason``.

    """

    def __init__(self, failures: tuple[type[Exception], ...], note: Callable[[str], None]) -> None:
        self.told: list[dict[str, str]] = []
        self._failures = failures
        self._note = note

    @contextmanager
    def unless_had(self, name: str, what: str) -> Iterator[None]:
        """Go on where a figure cannot be had, and say why."""
        try:
            yield
        except self._failures as error:
            self.tell(name, what, error)

    def tell(self, name: str, what: str, error: Exception) -> None:
        """A figure is missing."""
        reason = str(error) or "took too long"
        self._note(f"{name}, {what}: did not run ({reason})")
        self.told.append({"name": name, "what": what, "reason": reason})
