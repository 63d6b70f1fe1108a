"""The model bundle: a folder whose manifest names every file by its SHA-256, and what the model was made for.

A bundle is addressed by its digest, the SHA-256 of ``manifest.json``. The model in it gives raw scores (doubles
``[n, 1]``, or ``[n, c]`` for c classes, named ``raw_score`` for doubles ``[n, k]`` named ``features``); `features.head`
says what they mean.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from features.errors import BundleCorruptError, PlanMismatchError
from features.head import Decision, Head, Link, Task, require_head
from features.nouns import Provenance
from features.plan import Plan
from features.vector import MissingPolicy

MANIFEST = "manifest.json"
MODEL = "model.onnx"
GOLDEN = "golden.parquet"
REFERENCE = "reference.parquet"
EXPLAIN = "explain.npz"
MODEL_CARD = "model_card.md"
FILES: tuple[str, ...] = (EXPLAIN, GOLDEN, MODEL, MODEL_CARD, REFERENCE)

MODEL_INPUT = "features"
MODEL_OUTPUT = "raw_score"
MODEL_COLUMNS = "columns"
"""A second output of a model that prepares its inputs: what it then computes its raw scores from ``[n, p]``."""


class ManifestStruct(msgspec.Struct, frozen=True, kw_only=True):
    """Shape shared by the parts of a manifest: immutable, built by keyword, tolerant of fields added later."""


class TrainingWindow(ManifestStruct, frozen=True, kw_only=True):
    """The observations that the published model was fitted on, and whether with features as true or as known.

    ``positives`` are those labelled 1, None where labels are classes or values; instants are None where observations
    have none.
    """

    rows: int
    first_at: datetime | None = None
    last_at: datetime | None = None
    positives: int | None = None
    knowledge: Provenance = "as_true"


class Manifest(ManifestStruct, frozen=True, kw_only=True):
    """What a bundle is, and what it may be used with.

    ``features`` is the order of the input vector (``view:feature``); ``classes`` are those of a multiclass model, in
    the order of its outputs; without a ``decision`` the score of any other decides nothing; ``metrics`` are those of
    the test date, before the refit; ``gates`` is by how much each was passed, None where there is no word of any;
    ``documentation`` holds what people said of the model; ``files`` maps each file's name to its SHA-256 in hexadecimal
    digits.
    """

    format: Literal[1] = 1
    model: str
    task: Task
    link: Link = "sigmoid"
    classes: tuple[str, ...] = ()
    project: str
    service: str
    created_at: datetime
    plan_hash: str
    view_hashes: dict[str, str]
    transforms_sha256: str
    features: tuple[str, ...]
    missing: MissingPolicy
    decision: Decision | None = None
    window: TrainingWindow
    data_fingerprint: str
    metrics: dict[str, float]
    gates: dict[str, float] | None = None
    documentation: dict[str, str] = {}
    code_version: str
    files: dict[str, str]

    def __post_init__(self) -> None:
        """Refuse a head that does not fit the task."""
        require_head(self.task, self.head)

    @property
    def head(self) -> Head:
        """What the model's raw scores mean."""
        return Head(self.link, self.classes, self.decision)

    def require_plan(self, plan: Plan, *, applied_at: datetime) -> None:
        """Refuse a plan under which this model's inputs would not be what it was trained on.

        Parameters
        ----------
        plan
            The plan at hand. Its hash as a whole may differ: only what this model reads has to agree.
        applied_at
            When that plan was compiled (aware), to say which side is old.

        Raises
        ------
        PlanMismatchError
            Project, a view, the request-time code or the order of the inputs differs.

        """
        older = "the bundle" if self.created_at < applied_at else "the plan"
        theirs = {"project": self.project, "transforms.py": self.transforms_sha256}
        ours = {"project": plan.project, "transforms.py": plan.transforms_sha256}
        theirs |= {f"view {view}": digest for view, digest in self.view_hashes.items()}
        ours |= {f"view {view.name}": view.hash for view in plan.views}
        theirs[f"service {self.service}"] = ", ".join(self.features)
        ours |= {f"service {service.name}": ", ".join(service.feature_names) for service in plan.services}
        for what, their in theirs.items():
            our = ours.get(what, "nothing of that name")
            if their != our:
                raise PlanMismatchError(f"bundle of {self.model}", f"{what} {their}", our, older)


class Bundle(NamedTuple):
    """A bundle whose files are all there and unaltered."""

    path: Path
    manifest: Manifest
    digest: str

    def file(self, name: str) -> Path:
        """Path of one of the bundle's files.

        Parameters
        ----------
        name
            One of `FILES`.

        Returns
        -------
        Path
            Where it is.

        """
        return self.path / name


def read_bundle(path: Path) -> Bundle:
    """Open a bundle and hold every file against its digest.

    Parameters
    ----------
    path
        The bundle's folder. Files that the manifest does not name are not looked at.

    Returns
    -------
    Bundle
        Safe to load.

    Raises
    ------
    BundleCorruptError
        The manifest is missing or does not decode, or a file is missing, unnamed or altered.

    """
    try:
        data = (path / MANIFEST).read_bytes()
        manifest = msgspec.json.decode(data, type=Manifest)
    except OSError as error:
        raise BundleCorruptError(str(path), f"its {MANIFEST} cannot be read ({error.strerror})") from error
    except msgspec.MsgspecError as error:
        raise BundleCorruptError(str(path), f"its {MANIFEST} is not a manifest ({error})") from error
    _require_files(path, manifest)
    return Bundle(path, manifest, hashlib.sha256(data).hexdigest())


def write_manifest(path: Path, manifest: Manifest) -> Bundle:
    """Seal a folder: write its manifest, and read it back as a bundle.

    Parameters
    ----------
    path
        Folder that already holds all of `FILES`.
    manifest
        Its ``files`` are computed here; what it holds of them is replaced.

    Returns
    -------
    Bundle
        As `read_bundle` gives it.

    Raises
    ------
    BundleCorruptError
        A file is missing.

    """
    try:
        files = {name: file_sha256(path / name) for name in FILES}
    except OSError as error:
        raise BundleCorruptError(str(path), f"{error.filename} cannot be read ({error.strerror})") from error
    sealed = msgspec.structs.replace(manifest, files=files)
    (path / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(sealed), indent=1))
    return read_bundle(path)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        64 hexadecimal digits.

    Raises
    ------
    OSError
        The file cannot be read.

    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require_files(path: Path, manifest: Manifest) -> None:
    """Hold each file against the manifest; names that would leave the folder are refused."""
    missing = set(FILES) - set(manifest.files)
    if missing:
        raise BundleCorruptError(str(path), f"its manifest does not name {', '.join(sorted(missing))}")
    for name, expected in manifest.files.items():
        if Path(name).name != name:
            raise BundleCorruptError(str(path), f"its manifest names {name!r}, which is not a plain file name")
        try:
            found = file_sha256(path / name)
        except OSError as error:
            raise BundleCorruptError(str(path), f"{name} cannot be read ({error.strerror})") from error
        if found != expected:
            raise BundleCorruptError(str(path), f"{name} has digest {found[:16]}…, its manifest says {expected[:16]}…")
