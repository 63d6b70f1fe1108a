"""The trainer's section of ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.markdown import MINE, show, table

SETS: Final = {"made_up": "made up", "recorded": "recorded history"}
HEADS: Final = (
    "training set",
    "rows × features",
    "by",
    "seconds in all",
    "trials",
    "model chosen",
    "ROC AUC, validation",
    "ROC AUC, test",
)


def train_section(answer: Mapping[str, Any]) -> Iterator[str]:
    """The search beside its peer's, on each training set."""
    yield from (
        f"`millstream bench train`: both search the same rows for {show(answer['minutes'])} minutes with "
        f"{answer['cores']} cores, and are judged on later rows that neither has seen. Seconds in all are ours with "
        "the fits, the conversion and the proof after the search.",
        "",
    )
    found = {"made_up": answer, "recorded": answer["recorded"]}
    yield from table(HEADS, [row for name, each in found.items() for row in _rows(SETS[name], each)])
    bar = answer["bar"]
    yield from (
        "",
        f"Bar: at most {show(bar['seconds'])} s, and at most {show(bar['below_peer'])} below the peer: "
        f"{'reached' if answer['passed'] else 'not reached'}.",
        "",
        *(f"- {name} did not run: {reason}." for name, reason in answer["did_not_run"].items()),
        "",
    )


def _rows(name: str, found: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    size = f"{found['rows']:,} × {found['features']}"
    trials = "–" if found["search"] is None else show(found["search"]["n_trials"])
    yield (name, size, MINE, show(found["seconds"]), trials, *_scores(found))
    if found["peer"] is not None:
        yield (name, size, found["peer"]["name"], show(found["peer"]["seconds"]), "–", *_scores(found["peer"]))


def _scores(found: Mapping[str, Any]) -> tuple[str, str, str]:
    validation = found["validation_score"]
    return (
        found["best_model"],
        "–" if validation is None else f"{validation:.4f}",
        f"{found['test_score']:.4f}",
    )
