"""Which plans the models that serve still need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from features.bundle import Manifest, read_bundle
from features.errors import PlanMismatchError
from features.plan_shelf import compiled_at, shelved_plan
from grpc_api.pointer import POINTER, models_dir, read_pointer


class Champion(NamedTuple):
    """A model that scorers of this state folder serve."""

    model: str
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


def read_champions(state_dir: Path) -> list[Champion]:
    """The models that model sync points at; BundleCorruptError when one cannot be read."""
    champions = []
    for file in sorted(models_dir(state_dir).glob(f"*/{POINTER}")):
        pointer = read_pointer(file)
        if pointer is not None:
            manifest = read_bundle(pointer.bundle_path(file)).manifest
            champions.append(Champion(pointer.model, pointer.version, manifest))
    return champions


def needed_plans(state_dir: Path, serving: str, others: Sequence[str]) -> dict[str, list[Champion]]:
    """Which of the other plans are needed, and by whom: champions that the serving plan does not fit."""
    needed: dict[str, list[Champion]] = {}
    for champion in read_champions(state_dir):
        for plan_hash in (serving, *others):
            if champion.fits(state_dir, plan_hash):
                if plan_hash != serving:
                    needed.setdefault(plan_hash, []).append(champion)
                break
    return needed
