"""The stages of a version, from the registry's door to production, and the moves between them.

::

    staging ──► validation ──► pending_review ──► approved ──► production ◄─► archived
                    │                │
                    ▼                ▼
            failed_validation    rejected

``failed_validation`` and ``rejected`` are ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

from features.errors import CorruptError, NotApprovedError, RequestError
from features.routing import CHAMPION, SHADOW, Arm

Stage: TypeAlias = Literal[
    "staging", "validation", "failed_validation", "pending_review", "rejected", "approved", "production", "archived"
]

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)
FIRST: Final[Stage] = "staging"

MOVES: Final[Mapping[Stage, frozenset[Stage]]] = {
    "staging": frozenset({"validation"}),
    "validation": frozenset({"pending_review", "failed_validation"}),
    "failed_validation": frozenset(),
    "pending_review": frozenset({"approved", "rejected"}),
    "rejected": frozenset(),
    "approved": frozenset({"production"}),
    "production": frozenset({"archived"}),
    "archived": frozenset({"production"}),
}
"""From each stage, those that may follow it. A version that was in production before may come back."""

APPROVED_STAGES: Final[frozenset[Stage]] = frozenset({"approved", "production", "archived"})
"""Those of versions that were approved."""


def stage_of(version: str, written: str) -> Stage:
    """The stage that a registry's tag names.

    Parameters
    ----------
    version
        Which version it is of, for the error.
    written
        The tag; empty where another tool made the version.

    Returns
    -------
    Stage
        The same.

    Raises
    ------
    CorruptError
        It is no stage.

    """
    for stage in STAGES:
        if stage == written:
            return stage
    raise CorruptError(version, f"has the approval_status {written!r} in the registry, which is no stage")


def require_move(version: str, now: Stage, then: Stage) -> None:
    """Refuse a step that no version may take.

    Parameters
    ----------
    version
        Which version, for the error.
    now, then
        Where it is, and where it is to go.

    Raises
    ------
    RequestError
        The one does not follow the other.

    Examples
    --------
    >>> require_move("risk 3", "pending_review", "approved")
    >>> require_move("risk 3", "rejected", "approved")
    Traceback (most recent call last):
    ...
    features.errors.RequestError: risk 3: is rejected and cannot become approved; that is an end: train another version

    """
    if then in MOVES[now]:
        return
    after = " or ".join(sorted(MOVES[now]))
    remedy = f"after {now} comes {after}" if after else "that is an end: train another version"
    raise RequestError(version, f"is {now} and cannot become {then}", remedy)


def may_serve(stage: Stage, arm: Arm) -> bool:
    """Whether a version may be an arm of its model.

    Parameters
    ----------
    stage
        Where it is.
    arm
        Champion and challenger answer, so they must be approved. A shadow is heard by nobody: one that waits for its
        review may be tried as one.

    Returns
    -------
    bool
        True where it may.

    """
    return stage in APPROVED_STAGES or (arm == SHADOW and stage == "pending_review")


def require_serving(version: str, written: str, arm: Arm) -> None:
    """Refuse to let a version serve that the registry names as an arm, but as nothing that may be one.

    Parameters
    ----------
    version
        Which version, for the error.
    written
        Its stage, as the registry's tag says it.
    arm
        What it is to be. A champion is in production: an alias that was moved by hand to one that was there before
        finds it archived.

    Raises
    ------
    NotApprovedError
        It is at another stage.
    CorruptError
        The tag says no stage.

    Examples
    --------
    >>> require_serving("risk 3", "production", "champion")
    >>> require_serving("risk 2", "archived", "champion")
    Traceback (most recent call last):
    ...
    features.errors.NotApprovedError: risk 2: is archived in the registry, so that nobody promoted it to champion

    """
    stage = stage_of(version, written)
    if stage != "production" if arm == CHAMPION else not may_serve(stage, arm):
        raise NotApprovedError(version, f"is {stage} in the registry, so that nobody promoted it to {arm}")
