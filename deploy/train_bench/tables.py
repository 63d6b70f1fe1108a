"""The training sets of the trainer's bench: one that is made up, and that of a domain's recorded history."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

import numpy as np

from deploy.replay import load_history, recorded_topics
from features.compiler import compile_plan
from features.decode import Decoder
from features.domain import load_domain
from features.lake import LakeBatch, open_site_lake
from features.model_file import DecisionSpec, ModelSpec, SplitSpec
from features.plan_shelf import put_on_shelf
from features.settings import Settings
from features.transforms import transforms_text
from features.windows import DAY_US
from offline_training.dataset import Dataset, LeftOut, dataset_of
from offline_training.training_set import training_set

N_ROWS: Final = 100_000
N_FEATURES: Final = 30
N_TELLING: Final = 10
"""Features that the label depends on; the others are noise."""

SPAN_DAYS: Final = 360
LOG: Final = "AAAAAAAAQACAAAAAAAAAAQ"
BATCH_ROWS: Final = 10_000
HELD_BACK: Final = SplitSpec(test_span="30d")


class Table(NamedTuple):
    """A training set with what its model is to be."""

    data: Dataset
    spec: ModelSpec


def made_up_table(n_rows: int = N_ROWS, n_features: int = N_FEATURES, seed: int = 0) -> Table:
    """Rows over a year: steps, curves and products of some features, noise, and a value in twenty missing."""
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_rows, n_features))
    rows[:, 1::3] = np.exp(rows[:, 1::3])  # amounts: skewed, above zero
    told = rows[:, :N_TELLING]
    drive = (
        1.2 * (told[:, 0] > 0.5)
        - 0.8 * np.tanh(told[:, 1])
        + 0.7 * told[:, 2] * told[:, 3]
        + 0.6 * np.sin(2 * told[:, 5])
        + 0.5 * (told[:, 6] > 0) * (told[:, 7] < 2)
        + 0.3 * told[:, 8]
        - 0.2 * np.abs(told[:, 9])
    )
    labels = (drive + generator.logistic(size=n_rows) > 1.0).astype(np.float64)
    rows[generator.random(rows.shape) < 0.05] = np.nan
    at_us = np.sort(generator.integers(0, SPAN_DAYS * DAY_US, n_rows))
    names = tuple(f"made:f{number}" for number in range(n_features))
    spec = ModelSpec(
        service="made",
        horizon="7d",
        split=HELD_BACK,
        baseline_feature=names[0],
        decision=DecisionSpec(positive="yes", negative="no"),
        seed=seed,
    )
    return Table(dataset_of(names, rows, labels, at_us, LeftOut(0, 0), "as_true", None, {}), spec)


def recorded_table(repo: Path) -> Table:
    """What `train` builds for the model of a domain's demo, once all of the recorded history is in the lake."""
    domain = load_domain(repo)
    plan, model = compile_plan(repo), domain.demo.model
    with TemporaryDirectory(prefix="millstream-bench-") as var:
        settings = Settings(repo=repo, var=Path(var))
        put_on_shelf(plan, transforms_text(repo).encode(), settings.state_dir(plan.project))
        lake = open_site_lake(settings, plan.project)
        now_us = time.time_ns() // 1_000
        for topic in recorded_topics(domain, plan):
            source, decoder = plan.source(topic), Decoder(plan.source(topic))
            events = [value for _, value in load_history(domain, plan, topic).messages(None, None)]
            for first in range(0, len(events), BATCH_ROWS):
                values = events[first : first + BATCH_ROWS]
                kafka_us, end = [now_us] * len(values), first + len(values)
                decoded = decoder.decode(values, kafka_us)
                lake.append(source, LOG, 0, LakeBatch(end, range(first, end), kafka_us, values, decoded))
        data = training_set(settings, plan, domain, model, knowledge="as_true")
    return Table(data, domain.models[model])
