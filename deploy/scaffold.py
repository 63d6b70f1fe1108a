"""``millstream init``: a new domain folder that runs unchanged through every command.

Its declarations are those of the default domain, which is in the wheel for this; its data is made up by a small
program, so that a newcomer sees where to put a converter.
"""

from __future__ import annotations

import re
from pathlib import Path

from features.errors import DomainError

_ROOT = Path(__file__).resolve().parent
DECLARATIONS = _ROOT.parent / "feature_repo"
TEMPLATE = _ROOT / "template"

_FILES = {
    "feature_store.yaml": DECLARATIONS / "feature_store.yaml",
    "definitions.py": DECLARATIONS / "definitions.py",
    "transforms.py": DECLARATIONS / "transforms.py",
    "labels.sql": DECLARATIONS / "labels.sql",
    "model.yaml": DECLARATIONS / "model.yaml",
    ".feastignore": DECLARATIONS / ".feastignore",
    "data/make.py": TEMPLATE / "data" / "make.py",
    "README.md": TEMPLATE / "README.md",
    ".gitignore": TEMPLATE / "gitignore",
}


def scaffold(folder: Path) -> list[Path]:
    """Make a domain in a new or empty folder, its project named after the folder; gives the files made."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise DomainError(str(folder), "is not an empty folder", "name a new one")
    project = _project_name(folder)
    made = []
    for name, source in _FILES.items():
        text = source.read_text(encoding="utf-8")
        if name == "feature_store.yaml":
            text = re.sub(r"^project: \w+$", f"project: {project}", text, flags=re.MULTILINE)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made


def _project_name(folder: Path) -> str:
    """The folder's name in the letters that a project name may have."""
    name = re.sub(r"[^a-z0-9]+", "_", folder.resolve().name.lower()).strip("_")
    if not name or not name[0].isalpha():
        raise DomainError(
            str(folder), "gives no name for the project", "name the folder in Latin letters and digits, a letter first"
        )
    return name
