"""A search in the registry: a run for each trial below the training's own."""

from __future__ import annotations

from typing import Any, Final

from offline_training.search.outcome import SearchReport, TrialReport

PARENT_TAG: Final = "mlflow.parentRunId"
NAME_TAG: Final = "mlflow.runName"
SCORE: Final = "validation_score"
_PRUNED: Final = "KILLED"
"""MLflow's word for a run that was ended before its end."""


def log_search(client: Any, run_id: str, search: SearchReport) -> None:
    """Log what was chosen in the training's run, and each trial as its child: three requests a trial."""
    from mlflow.entities import Metric, Param

    summary = search.summary
    experiment_id = client.get_run(run_id).info.experiment_id
    ended_ms = _ms(max(trial.ended_at.timestamp() for trial in search.trials))
    client.log_batch(
        run_id,
        metrics=[Metric("best_score", summary.best_score, ended_ms, 0)],
        params=[
            Param("best_model", summary.best_model),
            Param("search_metric", summary.metric),
            Param("search_trials", str(summary.n_trials)),
        ],
    )
    for trial in search.trials:
        _log_trial(client, experiment_id, run_id, trial)


def _log_trial(client: Any, experiment_id: str, parent: str, trial: TrialReport) -> None:
    from mlflow.entities import Metric, Param

    began_ms, ended_ms = (_ms(at.timestamp()) for at in (trial.began_at, trial.ended_at))
    tags = {PARENT_TAG: parent, NAME_TAG: f"trial {trial.number:03}"}
    run_id = client.create_run(experiment_id, start_time=began_ms, tags=tags).info.run_id
    score = trial.validation_score
    client.log_batch(
        run_id,
        metrics=[] if score is None else [Metric(SCORE, score, ended_ms, 0)],
        params=[
            Param("algorithm", trial.algorithm),
            *(Param(name, str(value)) for name, value in trial.params.items()),
        ],
    )
    client.set_terminated(run_id, "FINISHED" if score is not None else _PRUNED, ended_ms)


def _ms(at_s: float) -> int:
    return round(at_s * 1_000)
