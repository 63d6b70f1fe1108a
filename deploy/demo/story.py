"""The demo's account: ``summary.json`` for machines, a page for people, and what to try next."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from deploy.demo.asking import Round, Row
from deploy.demo.truth import Verdict
from deploy.question import short
from features.nouns import KeyValue
from features.settings import Settings
from features.verify import VerifyReport
from features.whole_file import replace_file
from monitoring.drift_report import DriftReport
from offline_training.report import TrainingReport


class Facts(NamedTuple):
    """All that the demo saw."""

    project: str
    events: int
    events_per_second: float
    dead_letters: int
    entities: int
    training: TrainingReport
    rounds: Sequence[Round]
    verdicts: Sequence[Verdict]
    records_dropped: int
    verify: VerifyReport
    drift: DriftReport
    seconds: Mapping[str, float]


class Story(NamedTuple):
    """What is left of a demo: figures, text, and whether all that must hold does."""

    summary: dict[str, Any]
    text: str
    holds: bool


def to_summary(facts: Facts) -> dict[str, Any]:
    """The object of ``summary.json``."""
    call_ms = np.array([seconds * 1_000 for asked in facts.rounds for seconds in asked.call_s] or [float("nan")])
    last = facts.verdicts[-1] if facts.verdicts else None
    return {
        "events": facts.events,
        "events_per_second": round(facts.events_per_second, 1),
        "dead_letters": facts.dead_letters,
        "entities": facts.entities,
        **facts.training.summary(),
        "scores": {
            "count": sum(len(asked.rows) - asked.errors for asked in facts.rounds),
            "errors": sum(asked.errors for asked in facts.rounds),
            "behind_state": sum(asked.behind_state for asked in facts.rounds),
            "records_dropped": facts.records_dropped,
            "p50_ms": round(float(np.percentile(call_ms, 50)), 3),
            "p99_ms": round(float(np.percentile(call_ms, 99)), 3),
        },
        "serving": {
            "as_of": None if last is None else f"{last.round.as_of:%Y-%m-%dT%H:%M:%SZ}",
            "roc_auc": None if last is None else last.scores.roc_auc,
            "accuracy": None if last is None else last.scores.accuracy,
            "brier": None if last is None else last.scores.brier,
        },
        "verify": {"checked": facts.verify.checked, "mismatched": facts.verify.mismatched},
        "drift": {
            "watched": facts.drift.watched,
            "alarms": [
                {"feature": alarm.feature, "effect_size": alarm.effect_size} for alarm in facts.drift.strongest()
            ],
        },
        "seconds": {name: round(seconds, 1) for name, seconds in facts.seconds.items()},
    }


def holds(facts: Facts) -> bool:
    """Whether the promise was kept: everything answered, recorded and proven, with a champion."""
    return (
        facts.training.promoted
        and facts.verify.proven
        and facts.records_dropped == 0
        and not any(asked.errors or asked.behind_state for asked in facts.rounds)
    )


def write_summary(summary: Mapping[str, Any], path: Path) -> None:
    """Write ``summary.json``, atomically."""
    replace_file(path, f"{json.dumps(summary, indent=2)}\n".encode())


def to_text(facts: Facts, summary: Mapping[str, Any]) -> str:
    """The account for people."""
    scores, verify = summary["scores"], facts.verify
    lines = [
        "",
        f"The story of {facts.project}",
        f"  {facts.events:,} events of {facts.entities:,} entities came over Kafka, "
        f"{facts.events_per_second:,.0f} a second in bulk; {facts.dead_letters:,} dead letters.",
        *(f"  {line}" for line in facts.training.lines()),
        f"  {scores['count']:,} scores over gRPC, {scores['errors']} errors; a single call took "
        f"{scores['p50_ms']:.2f} ms (p50), {scores['p99_ms']:.2f} ms (p99).",
    ]
    lines += [
        f"  {verdict.round.as_of:%Y-%m-%d}: what then happened agrees with ROC AUC {verdict.scores.roc_auc:.4f} "
        f"({facts.training.single_feature} alone {verdict.simple_roc_auc:.4f}), "
        f"accuracy {verdict.scores.accuracy:.4f}, Brier {verdict.scores.brier:.4f}."
        for verdict in facts.verdicts
    ]
    lines += [
        f"  {verify.checked:,} recorded scores computed again from the lake: {verify.mismatched:,} differ in a bit.",
        *(f"    {m.entity} {m.feature}: {m.cause}, {m.detail}" for m in verify.mismatches[:3]),
        *drift_lines(facts.drift),
        "  seconds: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in facts.seconds.items()),
    ]
    return "\n".join(lines)


def drift_lines(drift: DriftReport) -> list[str]:
    """What the watcher says, shortly."""
    alarms = drift.strongest()
    if not alarms:
        return [f"  {drift.watched} features and scores watched: none has drifted."]
    named = ", ".join(f"{alarm.feature} ({alarm.effect_size:.2f})" for alarm in alarms[:3])
    return [
        f"  {drift.watched} features and scores watched, {len(alarms)} drifted since training, most of all {named}."
    ]


def next_steps(*, settings: Settings, repo: Path, row: Row, model: str, pages: Sequence[str]) -> str:
    """What to try next, ready to be pasted."""
    is_default = repo.name == "feature_repo"
    option, make_option = ("", "") if is_default else (f" --repo {repo}", f" REPO={repo}")
    scorer = f"{settings.scorer.host}:{settings.scorer.port}"
    asked = [f"--{short(key)} {shlex.quote(str(value))}" for key, value in {**row.entity, **row.request}.items()]
    message = {"model": model, "entity": to_message(row.entity), "request": to_message(row.request)}
    arguments = [repr(dict(row.entity)), *([f"request={dict(row.request)!r}"] if row.request else [])]
    return "\n".join(
        [
            "",
            "Try next",
            f"  make up{make_option}",
            f"  .venv/bin/millstream{option} score {' '.join(asked)}",
            f"  grpcurl -plaintext -d {shlex.quote(json.dumps({k: v for k, v in message.items() if v}))} {scorer} "
            "millstream.scoring.v1.Scoring/Score",
            "  .venv/bin/python - <<'EOF'",
            "  from millstream import Client",
            "",
            f'  with Client("{scorer}") as client:',
            f"      answer = client.score({', '.join(arguments)})",
            "      print(answer.decision, answer.score)",
            "      print(answer.model, answer.version, answer.as_of)",
            "  EOF",
            f"  MLflow, after make up: {settings.registry.uri}",
            *(f"  drift report: {page}" for page in pages),
            f"  make down{make_option}",
        ]
    )


def to_message(values: Mapping[str, KeyValue | float | bool | None]) -> dict[str, dict[str, object]]:
    """Keys or fields as the protocol's values in JSON; null is left out."""
    kinds = {str: "text", bool: "flag", int: "integer", float: "number"}
    return {name: {kinds[type(value)]: value} for name, value in values.items() if value is not None}
