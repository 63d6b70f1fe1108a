"""A model ready to answer: its session, its way to a vector, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from features.bundle import MODEL, Decision, Manifest, read_bundle
from features.errors import BundleCorruptError
from features.plan import Plan, ViewPlan
from features.transforms import load_transforms
from features.vector import Assembler
from grpc_api._generated.millstream.scoring.v1 import scoring_pb2 as pb
from grpc_api.entity import EntityKeys
from grpc_api.pointer import ARM, Pointer
from grpc_api.session import RawScorer


class Inputs:
    """What a feature service needs from a request and from the store, and how it becomes a vector."""

    def __init__(self, plan: Plan, assembler: Assembler, service: str) -> None:
        self.service = service
        self.assembler = assembler
        self.views: tuple[ViewPlan, ...] = assembler.views
        self.keys = EntityKeys(plan.project, self.views)


class ServedModel(NamedTuple):
    """One version of one model, loaded. ``signature`` is the part of each ``ScoreResponse`` that says who answered."""

    name: str
    version: str
    digest: str
    arm: str
    plan_hash: str
    inputs: Inputs
    features: tuple[str, ...]
    decision: Decision
    scorer: RawScorer
    view_hashes: dict[str, str]
    signature: bytes


class Declarations(NamedTuple):
    """The plan that this process serves, when it was compiled, and the domain's request-time functions."""

    plan: Plan
    applied_at: datetime
    functions: Mapping[str, Callable[..., Any]]


def load_declarations(plan: Plan, state_dir: Path) -> Declarations:
    """The plan with what stands beside it: its age and its request-time functions."""
    applied_at = datetime.fromtimestamp((state_dir / "plan.json").stat().st_mtime, UTC)
    return Declarations(plan, applied_at, load_transforms(state_dir, sha256=plan.transforms_sha256))


def require_fit(manifest: Manifest, digest: str, pointer: Pointer, declarations: Declarations) -> None:
    """Refuse a bundle that is not the one pointed at, or that was made for other declarations."""
    if digest != pointer.digest:
        raise BundleCorruptError(
            f"bundle of {pointer.model}", f"has digest {digest[:16]}…, its pointer says {pointer.digest[:16]}…"
        )
    if manifest.model != pointer.model:
        raise BundleCorruptError(f"bundle of {pointer.model}", f"is one of model {manifest.model}")
    manifest.require_plan(declarations.plan, applied_at=declarations.applied_at)


def load_model(bundle_path: Path, pointer: Pointer, declarations: Declarations) -> ServedModel:
    """Open a bundle for serving; BundleCorruptError or PlanMismatchError when it may not serve."""
    bundle = read_bundle(bundle_path)
    manifest = bundle.manifest
    require_fit(manifest, bundle.digest, pointer, declarations)
    plan = declarations.plan
    assembler = Assembler(plan, manifest.service, declarations.functions, manifest.missing)
    inputs = Inputs(plan, assembler, manifest.service)
    view_hashes = {view.name: view.hash for view in inputs.views}
    signature = pb.ScoreResponse(model=pointer.model, version=pointer.version, arm=ARM, view_hashes=view_hashes)
    return ServedModel(
        name=pointer.model,
        version=pointer.version,
        digest=bundle.digest,
        arm=ARM,
        plan_hash=plan.hash,
        inputs=inputs,
        features=assembler.names,
        decision=manifest.decision,
        scorer=RawScorer(bundle.file(MODEL), len(assembler.names)),
        view_hashes=view_hashes,
        signature=signature.SerializeToString(),
    )
