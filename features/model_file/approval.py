"""What ``model.yaml`` says of how a model comes to be approved: by whom, and what the automatic checks ask for."""

# No `from __future__ import annotations`: msgspec reads the annotations at run time.

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

from features.errors import DomainError
from features.head import Task
from features.model_file.struct import ModelStruct

Approval: TypeAlias = Literal["human", "policy"]
"""Who approves: a person who is not the trainer, or the automatic checks alone."""

KEY_PREFIX: Final = "ed25519:"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RESERVED: Final = "policy"
_KEY_BYTES: Final = 32
_OWN_BOUNDS: Final[Mapping[str, Task]] = {"min_silhouette": "clustering", "min_stability": "anomaly"}


class ChecksSpec(ModelStruct, frozen=True, kw_only=True):
    """Bounds of the automatic checks, on figures of the tested rows.

    ``min_accuracy`` is the least accuracy (of a regression, the least r2). A model without labels has none: its domain
    states ``min_silhouette`` of a clustering, ``min_stability`` of an anomaly model. ``max_bias`` is above the widest
    gap between groups of a column of ``fairness.columns``.
    """

    min_accuracy: float = 0.85
    min_silhouette: float | None = None
    min_stability: float | None = None
    max_bias: float = 0.1


def check_bounds(where: str, task: Task, checks: ChecksSpec) -> None:
    """Refuse a model whose quality nothing bounds, and bounds on what its task does not have.

    Parameters
    ----------
    where
        Their place in the file.
    task, checks
        As the file has them.

    Raises
    ------
    DomainError
        The task's own bound is missing or no model reaches it, or that of another is there.

    """
    for name, of_task in _OWN_BOUNDS.items():
        bound = getattr(checks, name)
        if (bound is not None) != (task == of_task):
            if bound is not None:
                raise DomainError(f"{where}.{name}", f"is not for a {task} model", "leave it out")
            raise DomainError(f"{where}.{name}", "is missing", "state the least: without labels there is no accuracy")
        if bound is not None and not -1 <= bound <= 1:
            raise DomainError(f"{where}.{name}", "is no bound", "write a number from -1 to 1")


def check_people(where: str, people: Mapping[str, str]) -> None:
    """Refuse names and keys that cannot be meant.

    Parameters
    ----------
    where
        Their place in the file.
    people
        Public keys by name.

    Raises
    ------
    DomainError
        A name that is none, a key that is none, or one key for two names, which would let one person be two.

    """
    owner: dict[bytes, str] = {}
    for name, key in people.items():
        if not _NAME.fullmatch(name) or name == _RESERVED:
            raise DomainError(f"{where}.{name}", "is no name for a person", "use letters, digits, dots, - and _")
        try:
            raw = base64.b64decode(key.removeprefix(KEY_PREFIX), validate=True)
        except binascii.Error:
            raw = b""
        if not key.startswith(KEY_PREFIX) or len(raw) != _KEY_BYTES:
            raise DomainError(f"{where}.{name}", "is no public key", "write what `millstream signer` printed")
        if raw in owner:
            raise DomainError(f"{where}.{name}", f"has the key of {owner[raw]}", "let each have a key of their own")
        owner[raw] = name


def check_approval(
    where: str, approval: Approval, approvers: tuple[str, ...], checks: ChecksSpec, people: Mapping[str, str]
) -> None:
    """Refuse approvers whom nobody knows, and bounds that bound nothing.

    Parameters
    ----------
    where
        The model's place in the file.
    approval, approvers, checks, people
        As the file has them.

    Raises
    ------
    DomainError
        What cannot be meant.

    """
    for name in approvers:
        if name not in people:
            raise DomainError(f"{where}.approvers", f"{name} is not among people", "add their public key there")
    if approval == "policy" and approvers:
        raise DomainError(f"{where}.approvers", "are asked by nobody", "say `approval: human`, or leave them out")
    if not checks.min_accuracy <= 1:
        raise DomainError(f"{where}.checks.min_accuracy", "is above 1", "no model reaches it")
    if not 0 < checks.max_bias <= 1:
        raise DomainError(f"{where}.checks.max_bias", "is no share", "write a number above 0, at most 1")
