"""A beginning without data of one's own: made-up events, or a small table that an installed package ships."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import msgspec
import yaml

from deploy.scaffold.answers import OF_EVENTS, Answers
from deploy.scaffold.beginning import Beginning, ModelFacts
from deploy.scaffold.table import begin_with_table
from deploy.scaffold.templates import DECLARATIONS, TEMPLATE

EXAMPLE_FOLDER = TEMPLATE / "example"


def begin_with_example(answers: Answers, scratch: Path) -> Beginning:
    """The example of a kind of model; ``scratch`` is a folder for a table."""
    if answers.model_type in OF_EVENTS:
        return _shop(answers.model_type)
    maker = EXAMPLE_FOLDER / answers.model_type / "make.py"
    (scratch / maker.name).write_bytes(maker.read_bytes())
    runpy.run_path(str(scratch / maker.name), run_name="__main__")
    (table,) = scratch.glob("*.parquet")
    target = "" if answers.model_type == "clustering" else "kind"
    beginning = begin_with_table(table, answers._replace(target=target), url=f"data/{table.name}")
    files = {**beginning.files, "data/make.py": maker.read_text(encoding="utf-8")}
    return beginning._replace(files=files, table=table)


def _shop(model_type: str) -> Beginning:
    """Made-up events; the feature service bears the name of the model."""
    facts: Any = yaml.safe_load((EXAMPLE_FOLDER / f"{model_type}.yaml").read_text(encoding="utf-8"))
    model = msgspec.convert(facts, ModelFacts)
    definitions = (DECLARATIONS / "definitions.py").read_text(encoding="utf-8")
    service = f'{model.name} = FeatureService(name="{model.name}"'
    own_labels = EXAMPLE_FOLDER / f"{model_type}.sql"
    labels = own_labels if own_labels.is_file() else DECLARATIONS / "labels.sql"
    return Beginning(
        files={
            "definitions.py": re.sub(
                r'^\w+ = FeatureService\(name="\w+"', service, definitions, count=1, flags=re.MULTILINE
            ),
            "transforms.py": (DECLARATIONS / "transforms.py").read_text(encoding="utf-8"),
            "labels.sql": labels.read_text(encoding="utf-8"),
            "data/make.py": (EXAMPLE_FOLDER / "data" / "make.py").read_text(encoding="utf-8"),
        },
        model=model,
    )
