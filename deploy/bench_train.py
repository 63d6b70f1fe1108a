"""``millstream bench train``: a search and the training after it, held against FLAML in the same time.

Two training sets: 100,000 made-up rows of 30 features, and what the domain's recorded history gives. Both searches have
the same rows, budget and cores, and are judged by ROC AUC on later rows that neither has seen.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import msgspec

from deploy.train_bench.flaml import NAME, install_flaml, run_flaml
from deploy.train_bench.tables import Table, made_up_table, recorded_table
from features.errors import UnavailableError
from features.model_file import SearchSpec
from features.progress import no_progress
from features.settings import load_settings
from offline_training.fitting import fit
from offline_training.search.choosing import choose, usable_cores

MINUTES: Final = 1.0
BARS: Final = {"seconds": 300.0, "below_peer": 0.005}
"""How long a training may take in all, and how far its test score may lie below the peer's."""

METRIC: Final = "roc_auc"
MANY: Final = 10_000
"""Trials that no budget of minutes holds."""

PEER_FOLDER: Final = Path("peers") / "flaml"


def bench_train(*, minutes: float = MINUTES, note: Callable[[str], None] = lambda _: None) -> dict[str, Any]:
    """Run the bench; ``passed`` says whether both trainings stayed within the bars."""
    settings = load_settings()
    folder = (settings.var / PEER_FOLDER).absolute()
    did_not_run: dict[str, str] = {}
    note("making the tables")
    tables = {"made_up": made_up_table(), "recorded": recorded_table(settings.repo)}
    answers: dict[str, dict[str, Any]] = {}
    for name, table in tables.items():
        note(f"{name}: {len(table.data.labels):,} rows, {minutes:g} minutes to search")
        answers[name] = train_table(table, minutes)
        note(f"{name}: {NAME}")
        try:
            install_flaml(folder)
            answers[name] |= held_against(answers[name], folder, table, minutes)
        except UnavailableError as error:
            did_not_run[f"{NAME}, {name}"] = str(error)
    return {
        **answers["made_up"],
        "recorded": answers["recorded"],
        "minutes": minutes,
        "cores": usable_cores(),
        "did_not_run": did_not_run,
        "bar": BARS,
        "passed": all(passes(answer) for answer in answers.values()),
    }


def train_table(table: Table, minutes: float, *, trials: int = MANY, processes: int | None = None) -> dict[str, Any]:
    """Search, fit, convert and prove; what it took, and how good it is."""
    data, spec = table
    wanted = SearchSpec(trials=trials, time_budget_minutes=minutes, metric=METRIC)
    began_s = time.perf_counter()
    with TemporaryDirectory(prefix="millstream-bench-") as scratch:
        chosen, search = choose(
            data,
            spec,
            wanted,
            Path(scratch) / "search.journal",
            say=lambda _: None,
            progress=no_progress,
            processes=processes,
        )
        fitted = fit(data, chosen, lambda _: None)
    took_s = time.perf_counter() - began_s
    return {
        "rows": len(data.labels),
        "features": len(data.names),
        "seconds": round(took_s, 1),
        "validation_score": None if search is None else search.summary.best_score,
        "test_score": fitted.test.rank,
        "best_model": chosen.algorithm,
        "search": None if search is None else msgspec.to_builtins(search.summary),
        "peer": None,
    }


def held_against(ours: Mapping[str, Any], folder: Path, table: Table, minutes: float) -> dict[str, Any]:
    """The peer's figures, and by how much its test score is above ours."""
    peer = run_flaml(folder, table, budget_s=minutes * 60, cores=usable_cores())
    return {"peer": peer, "below_peer": round(peer["test_score"] - ours["test_score"], 6)}


def passes(answer: Mapping[str, Any]) -> bool:
    """Whether one training stayed within the bars, the peer's as far as it ran."""
    return bool(answer["seconds"] < BARS["seconds"] and answer.get("below_peer", 0.0) <= BARS["below_peer"])
