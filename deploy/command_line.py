"""The command ``millstream``: its verbs, each of which imports what it needs only when it is called."""

from __future__ import annotations

import typer

from deploy.invocation import AS_JSON, REPO, GlobalOptions, register
from deploy.verbs.beginning import init, new
from deploy.verbs.bench import bench
from deploy.verbs.challenge import challenge
from deploy.verbs.data_quality import validate
from deploy.verbs.domain import adopt, apply, replay
from deploy.verbs.forgetting import forget
from deploy.verbs.keys import key, signer
from deploy.verbs.letters import dead_letters
from deploy.verbs.models import models, promote, rollback, train
from deploy.verbs.processes import monitor, scorer, worker
from deploy.verbs.proof import backfill, verify
from deploy.verbs.roll_out import rollout
from deploy.verbs.serving import OPEN, features, score
from deploy.verbs.stack import demo, doctor, down, status, up


def make_app() -> typer.Typer:
    """The command line with all its verbs."""
    app = typer.Typer(
        name="millstream",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(common)
    for verb in (
        up,
        down,
        status,
        doctor,
        demo,
        init,
        new,
        apply,
        adopt,
        replay,
        worker,
        scorer,
        train,
        challenge,
        models,
        promote,
        rollback,
    ):
        register(app, verb.__name__, verb)
    register(app, "score", score, context_settings=OPEN)
    register(app, "features", features, context_settings=OPEN)
    register(app, "backfill", backfill)
    register(app, "validate", validate)
    register(app, "rollout", rollout)
    register(app, "verify", verify)
    register(app, "dead-letters", dead_letters)
    register(app, "forget", forget)
    register(app, "key", key)
    register(app, "signer", signer)
    register(app, "monitor", monitor)
    register(app, "bench", bench)
    return app


def common(context: typer.Context, repo: REPO = None, as_json: AS_JSON = False) -> None:
    """A streaming real-time scoring engine: the number that is served is the number that was trained on."""
    context.obj = GlobalOptions(repo=repo, as_json=as_json)


def main() -> None:
    """Entry point of the console script."""
    make_app()()
