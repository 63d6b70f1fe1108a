"""Making a new domain's folder: all of it or nothing."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from deploy.scaffold.answers import Answers
from deploy.scaffold.beginning import Beginning, ModelFacts
from deploy.scaffold.documents import documents_of
from deploy.scaffold.example import begin_with_example
from deploy.scaffold.table import begin_with_table, begin_with_url
from deploy.scaffold.templates import DECLARATIONS, TEMPLATE, render
from features.compiler import compile_plan
from features.domain import load_domain
from features.errors import DomainError
from features.model_file import Approval

ORDER = (
    *("feature_store.yaml", "definitions.py", "transforms.py", "labels.sql", "model.yaml", ".feastignore"),
    *("data/make.py", "README.md", ".gitignore"),
)
"""The files of declarations, as a reader goes through them."""

TARGET_ACCURACY = 0.9


class Made(NamedTuple):
    """A new domain: its files in the order of reading, its model, and what was noticed on the way."""

    files: list[Path]
    model: ModelFacts
    notes: tuple[str, ...]


def scaffold(folder: Path, answers: Answers = Answers(), approval: Approval = "policy") -> Made:  # noqa: B008 - frozen
    """Make a domain in a new or empty folder, its project named after the folder."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DomainError(str(folder), "is not an empty folder", "name a new one")
    project = _project_name(folder)
    with TemporaryDirectory(prefix="millstream-new-") as scratch, TemporaryDirectory(prefix="millstream-new-") as made:
        draft, beginning = Path(scratch) / folder.resolve().name, _begin(answers, Path(made))
        texts = _declarations(project, beginning, answers, approval)
        _write(draft, texts)
        if beginning.table is not None:
            shutil.copy(beginning.table, draft / "data")
        plan, domain = compile_plan(draft), load_domain(draft)
        documents = documents_of(plan, domain, answers.deployment)
        _write(draft, documents)
        shutil.rmtree(draft / "__pycache__", ignore_errors=True)
        shutil.copytree(draft, folder, dirs_exist_ok=True)
    return Made([folder / name for name in (*texts, *documents)], beginning.model, beginning.notes)


def _begin(answers: Answers, scratch: Path) -> Beginning:
    """From the example, a URL, or a file."""
    if answers.is_example:
        return begin_with_example(answers, scratch)
    if answers.is_elsewhere:
        return begin_with_url(answers, scratch)
    return begin_with_table(Path(answers.dataset_source), answers)


def _declarations(project: str, beginning: Beginning, answers: Answers, approval: Approval) -> dict[str, str]:
    store = (DECLARATIONS / "feature_store.yaml").read_text(encoding="utf-8")
    classes = beginning.model.task in {"binary", "multiclass"}
    target = f"{{accuracy: {TARGET_ACCURACY:.2f}}}" if classes else "{}"
    texts = {
        **beginning.files,
        "feature_store.yaml": re.sub(r"^project: \w+$", f"project: {project}", store, flags=re.MULTILINE),
        "model.yaml": render(
            "every/model.yaml.j2",
            model=beginning.model,
            requirements=" ".join(answers.requirements.split()),
            targets=f"{target} # what is wanted; where it is missed, `train` says so",
            approval=approval,
        ),
        ".feastignore": (DECLARATIONS / ".feastignore").read_text(encoding="utf-8"),
        "README.md": render("every/README.md.j2", model=beginning.model, approval=approval, files=beginning.files),
        ".gitignore": (TEMPLATE / "every" / "gitignore").read_text(encoding="utf-8"),
    }
    return {name: texts[name] for name in ORDER if name in texts}


def _write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _project_name(folder: Path) -> str:
    """The folder's name in the letters that a project name may have."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    if not name or not name[0].isalpha():
        raise DomainError(
            str(folder), "gives no name for the project", "name the folder in Latin letters and digits, a letter first"
        )
    return name
