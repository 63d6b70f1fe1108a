"""The plans of a domain in its state folder: every one under its hash, and which of them are in force.

``plan.json`` is the plan that was applied last, ``plans/<hash>/`` holds each plan with the ``transforms.py`` that it
pins, for records and models that were made by it. ``plans/in_force.json`` says which plans run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from features.errors import CorruptError, DomainError
from features.nouns import Struct
from features.plan import Plan, ViewPlan, load_plan, save_plan
from features.transforms import TRANSFORMS_FILE, load_transforms
from features.whole_file import replace_file

APPLIED = "plan.json"
SHELF = "plans"
IN_FORCE = "in_force.json"


class InForce(Struct, frozen=True, kw_only=True):
    """Plans that run, by their hashes.

    ``serving`` is the one that answers and that models are trained for, ``arriving`` the one that is being rolled out,
    ``kept`` are those that a champion still needs, ``previous`` is where a step back leads.
    """

    serving: str
    arriving: str | None = None
    kept: tuple[str, ...] = ()
    previous: str | None = None

    @property
    def plans(self) -> tuple[str, ...]:
        """Every plan that somebody runs, each once, the serving one first."""
        arriving = () if self.arriving is None else (self.arriving,)
        return tuple(dict.fromkeys((self.serving, *arriving, *self.kept)))


def put_on_shelf(plan: Plan, transforms: bytes, state_dir: Path) -> None:
    """Keep a plan, and make it the applied one; an equal file is left alone, so that a repeated apply changes nothing.

    Parameters
    ----------
    plan
        The plan.
    transforms
        Content of the ``transforms.py`` that it pins; empty where the domain has none.
    state_dir
        State folder of the domain.

    """
    folder = plan_folder(state_dir, plan.hash)
    folder.mkdir(parents=True, exist_ok=True)
    write_if_changed(folder / TRANSFORMS_FILE, transforms)
    for path in (folder / APPLIED, state_dir / APPLIED):  # last: they pin the others
        if not _is_written(plan, path):
            save_plan(plan, path)


def plan_folder(state_dir: Path, plan_hash: str) -> Path:
    """Folder of one plan and what it pins."""
    return state_dir / SHELF / plan_hash


def applied_plan(state_dir: Path) -> Plan:
    """The plan that was applied last; DomainError when none was."""
    return load_plan(state_dir / APPLIED)


def shelved_plan(state_dir: Path, plan_hash: str) -> Plan:
    """The plan of that hash; DomainError when it was never applied here."""
    path = plan_folder(state_dir, plan_hash) / APPLIED
    if not path.exists():
        raise DomainError(f"plan {plan_hash}", f"is not in {state_dir / SHELF}", "run `millstream apply` on its files")
    return load_plan(path)


def shelved_hashes(state_dir: Path) -> list[str]:
    """Hashes of all plans that were ever applied here."""
    return sorted(path.parent.name for path in (state_dir / SHELF).glob(f"*/{APPLIED}"))


def compiled_at(state_dir: Path, plan_hash: str) -> datetime:
    """When a plan was first compiled here."""
    return datetime.fromtimestamp((plan_folder(state_dir, plan_hash) / APPLIED).stat().st_mtime, UTC)


def functions_of(plan: Plan, state_dir: Path) -> Mapping[str, Callable[..., Any]]:
    """The request-time functions that a plan pins; PlanMismatchError where the file is another."""
    return load_transforms(plan_folder(state_dir, plan.hash), sha256=plan.transforms_sha256)


def in_force_file(state_dir: Path) -> Path:
    """Where it stands which plans run."""
    return state_dir / SHELF / IN_FORCE


def read_in_force(state_dir: Path) -> InForce | None:
    """Which plans run; None where none ever did."""
    path = in_force_file(state_dir)
    try:
        return msgspec.json.decode(path.read_bytes(), type=InForce)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise CorruptError(str(path), f"does not say which plans are in force ({error})") from error


def put_in_force(state_dir: Path, in_force: InForce) -> None:
    """Say which plans run; whoever runs them follows within a second."""
    write_if_changed(in_force_file(state_dir), msgspec.json.format(msgspec.json.encode(in_force), indent=1))


def plans_in_force(state_dir: Path) -> InForce:
    """Which plans run; where none ever did, the applied one is put in force."""
    in_force = read_in_force(state_dir)
    if in_force is None:
        in_force = InForce(serving=applied_plan(state_dir).hash)
        put_in_force(state_dir, in_force)
    return in_force


def serving_plan(state_dir: Path) -> Plan:
    """The plan that serves; where none is in force yet, the applied one."""
    in_force = read_in_force(state_dir)
    return applied_plan(state_dir) if in_force is None else shelved_plan(state_dir, in_force.serving)


def live_plans(state_dir: Path) -> list[Plan]:
    """Plans that somebody runs or is about to: those in force, the serving one first, and the applied one."""
    in_force = read_in_force(state_dir)
    found = {} if in_force is None else {of: shelved_plan(state_dir, of) for of in in_force.plans}
    applied = applied_plan(state_dir)
    found.setdefault(applied.hash, applied)
    return list(found.values())


def each_view(plans: Iterable[Plan]) -> Iterator[tuple[Plan, ViewPlan]]:
    """Every view of some plans once, however many of them declare it alike; with the first that does."""
    seen: set[tuple[str, str]] = set()
    for plan in plans:
        for view in plan.views:
            if (view.name, view.hash) not in seen:
                seen.add((view.name, view.hash))
                yield plan, view


def fed_plans(state_dir: Path, in_force: InForce) -> list[str]:
    """Hashes of the plans that want workers: the serving one, one that arrives, and those with views of their own.

    A plan that is kept for its services or its request-time functions alone is fed by the workers of the serving one.
    """
    fed = {view.hash for view in shelved_plan(state_dir, in_force.serving).views}
    kept = [
        plan_hash
        for plan_hash in in_force.kept
        if any(view.hash not in fed for view in shelved_plan(state_dir, plan_hash).views)
    ]
    arriving = [] if in_force.arriving is None else [in_force.arriving]
    return list(dict.fromkeys([in_force.serving, *arriving, *kept]))


def write_if_changed(path: Path, content: bytes) -> None:
    """Write atomically; an equal file is left alone."""
    if path.exists() and path.read_bytes() == content:
        return
    replace_file(path, content)


def _is_written(plan: Plan, path: Path) -> bool:
    try:
        return load_plan(path) == plan
    except DomainError:
        return False
