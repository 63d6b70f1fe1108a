"""Which plans the models that serve still need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from features.bundle import Manifest, read_bundle
from features.errors import PlanMismatchError
from features.plan_shelf import compiled_at, shelved_plan
from features.routing import Arm
from grpc_api.pointer import models_dir, pointer_files, read_pointer


class Served(NamedTuple):
    """A version of a model that scorers of this state folder serve, and as which arm."""

    model: str
    arm: Arm
    version: str
    manifest: Manifest

    def fits(self, state_dir: Path, plan_hash: str) -> bool:
        """Whether it can be served under that plan."""
        plan = shelved_plan(state_dir, plan_hash)
        try:
            self.manifest.require_plan(plan, applied_at=compiled_at(state_dir, plan_hash))
        except PlanMismatchError:
            return False
        return True


def read_served(state_dir: Path) -> list[Served]:
    """The models that model sync points at; BundleCorruptError when one cannot be read."""
    served = []
    for arm, file in pointer_files(models_dir(state_dir)):
        pointer = read_pointer(file)
        if pointer is not None:
            manifest = read_bundle(pointer.bundle_path(file)).manifest
            served.append(Served(pointer.model, arm, pointer.version, manifest))
    return served


def needed_plans(state_dir: Path, serving: str, others: Sequence[str]) -> dict[str, list[Served]]:
    """Which of the other plans are needed, and by whom: what serves, as whichever arm, and does not fit this plan."""
    needed: dict[str, list[Served]] = {}
    for served in read_served(state_dir):
        for plan_hash in (serving, *others):
            if served.fits(state_dir, plan_hash):
                if plan_hash != serving:
                    needed.setdefault(plan_hash, []).append(served)
                break
    return needed
