"""A model ready to answer: its session, its way to a vector, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from features.bundle import Manifest, read_bundle
from features.errors import BundleCorruptError, PlanMismatchError
from features.head import Head, Task
from features.kernel import ViewKernel
from features.kernels import open_kernel
from features.plan import Plan, ViewPlan
from features.plan_shelf import compiled_at, functions_of, shelved_plan
from features.routing import CHAMPION, Arm
from features.vector import Assembler, MissingPolicy
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.entity import EntityKeys
from grpc_api.fresh_vectors import open_fresh_vectors
from grpc_api.model_explainer import ModelExplainer
from grpc_api.plain_rows import open_plain_rows
from grpc_api.pointer import Pointer
from grpc_api.session import RawScorer, open_scorer


class Inputs:
    """What a feature service needs from a request and from the store, and how it becomes a vector."""

    def __init__(self, declarations: Declarations, service: str, missing: MissingPolicy) -> None:
        plan = declarations.plan
        self.service = plan.service(service)
        self.assembler = Assembler(plan, service, declarations.functions, missing)
        self.views: tuple[ViewPlan, ...] = self.assembler.views
        self.kernels = tuple(declarations.kernels[view.name] for view in self.views)
        self.take_fresh = open_fresh_vectors(self.assembler, self.kernels)
        self.keys = EntityKeys(plan.project, self.views)
        self.plain_rows = open_plain_rows(self.keys, len(self.assembler.names))


class ServedModel(NamedTuple):
    """One version of one model, loaded.

    ``signature`` is the part of a ``ScoreResponse`` that says who answered, ``record_fields`` that of a record (in
    JSON, from the first name on).

    ``bare`` are its inputs with missing values left as NaN, for who asks for the features alone.
    """

    name: str
    version: str
    digest: str
    arm: Arm
    task: Task
    plan_hash: str
    inputs: Inputs
    bare: Inputs
    features: tuple[str, ...]
    head: Head
    scorer: RawScorer
    explainer: ModelExplainer
    view_hashes: dict[str, str]
    signature: bytes
    record_fields: bytes

    @property
    def who(self) -> tuple[str, str, str]:
        """By what metrics tell it: its name, version and arm."""
        return self.name, self.version, self.arm

    def as_arm(self, arm: Arm) -> ServedModel:
        """The same, in memory too, as another arm of its model."""
        who = pb.ScoreResponse(model=self.name, version=self.version, arm=arm, view_hashes=self.view_hashes)
        fields = {
            "format": 1,
            "model": self.name,
            "version": self.version,
            "digest": self.digest,
            "arm": arm,
            "plan_hash": self.plan_hash,
            "service": self.inputs.service.name,
            "features": self.features,
            "link": self.head.link,
            "classes": self.head.classes,
        }
        return self._replace(arm=arm, signature=who.SerializeToString(), record_fields=msgspec.json.encode(fields)[1:])


@dataclass(frozen=True)
class Declarations:
    """A plan in force, when it was compiled, and the request-time functions that it pins."""

    plan: Plan
    applied_at: datetime
    functions: Mapping[str, Callable[..., Any]]

    @cached_property
    def kernels(self) -> Mapping[str, ViewKernel]:
        """What finishes each view, by its name; all models share them, so a swap makes none."""
        return {view.name: open_kernel(view, self.plan.source_of(view)) for view in self.plan.views}

    def services(self) -> dict[str, Inputs]:
        """What each feature service of the plan needs; missing values are left as NaN."""
        return {service.name: Inputs(self, service.name, MissingPolicy()) for service in self.plan.services}


def load_declarations(plan_hash: str, state_dir: Path) -> Declarations:
    """A plan with what stands beside it: its age and its request-time functions."""
    plan = shelved_plan(state_dir, plan_hash)
    return Declarations(plan, compiled_at(state_dir, plan_hash), functions_of(plan, state_dir))


def fitting(manifest: Manifest, digest: str, pointer: Pointer, declared: Sequence[Declarations]) -> Declarations:
    """The declarations that a bundle was made for; refuses one that fits none, or is not the one pointed at."""
    if digest != pointer.digest:
        raise BundleCorruptError(
            f"bundle of {pointer.model}", f"has digest {digest[:16]}…, its pointer says {pointer.digest[:16]}…"
        )
    if manifest.model != pointer.model:
        raise BundleCorruptError(f"bundle of {pointer.model}", f"is one of model {manifest.model}")
    refusals = []
    for declarations in declared:
        try:
            manifest.require_plan(declarations.plan, applied_at=declarations.applied_at)
        except PlanMismatchError as error:
            refusals.append(error)
        else:
            return declarations
    raise refusals[0]


def load_model(
    bundle_path: Path, pointer: Pointer, declared: Sequence[Declarations], arm: Arm = CHAMPION
) -> ServedModel:
    """Open a bundle for serving; BundleCorruptError or PlanMismatchError when it may not serve."""
    bundle = read_bundle(bundle_path)
    manifest = bundle.manifest
    declarations = fitting(manifest, bundle.digest, pointer, declared)
    inputs = Inputs(declarations, manifest.service, manifest.missing)
    names = inputs.assembler.names
    scorer = open_scorer(bundle)
    view_hashes = {view.name: view.hash for view in inputs.views}
    loaded = ServedModel(
        name=pointer.model,
        version=pointer.version,
        digest=bundle.digest,
        arm=arm,
        task=manifest.task,
        plan_hash=declarations.plan.hash,
        inputs=inputs,
        bare=Inputs(declarations, manifest.service, MissingPolicy()),
        features=names,
        head=manifest.head,
        scorer=scorer,
        explainer=ModelExplainer(bundle, scorer),
        view_hashes=view_hashes,
        signature=b"",
        record_fields=b"",
    )
    return loaded.as_arm(arm)
