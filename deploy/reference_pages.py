"""The generated pages: settings, metrics, errors and commands in ``docs/``, and the default domain's documents.

Each is made from the code or the declarations that it is about.

``python -m deploy.reference_pages`` writes them, ``--check`` exits 1 when one is stale.
"""

from __future__ import annotations

import inspect
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

import typer
from prometheus_client import CollectorRegistry
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from deploy.command_line import make_app
from deploy.exit_codes import FAMILIES, MEANINGS, ExitCode
from deploy.scaffold.documents import DOCUMENTS, documents_of
from deploy.scaffold.templates import DECLARATIONS
from features import errors
from features.compiler import compile_plan
from features.domain import load_domain
from features.settings import PREFIX, Settings
from grpc_api.metrics import ScorerMetrics
from grpc_api.status import STATUS_OF, UNKNOWN
from grpc_api.sync_status import SyncCollector
from monitoring.metrics import MonitorMetrics
from streams.metrics import WorkerMetrics

ROOT = Path(__file__).parent.parent
NOTICE = "<!-- Made by `make format` from the code: do not edit. -->\n"


def settings_page() -> str:
    """Every setting: variable, type, default, meaning."""
    lines = [
        "# Settings",
        "",
        "Everything that may be set is an environment variable. Strongest is the environment, then the addresses of",
        "the domain's running stack (`var/<project>/stack.json`), then these defaults. A misspelt name is refused.",
        "While that stack is down, verbs that speak to scorer, broker, store or registry refuse (exit 3) instead of",
        "asking whoever listens at a default: name an address to mean it.",
        "",
    ]
    for title, part, prefix in settings_parts():
        lines += [f"## {title}", "", first_line(part), ""]
        rows = [
            (f"`{prefix}{name.upper()}`", type_name(field), f"`{show(field.default)}`", field.description or "")
            for name, field in part.model_fields.items()
            if not is_part(field)
        ]
        lines += [*table(("variable", "type", "default", "meaning"), rows), ""]
    return "\n".join(lines)


def settings_parts() -> Iterator[tuple[str, type[BaseModel], str]]:
    """The parts of the tree, the root first."""
    yield "The domain", Settings, PREFIX
    yield from parts_of(Settings, PREFIX)


def parts_of(part: type[BaseModel], prefix: str, title: str = "") -> Iterator[tuple[str, type[BaseModel], str]]:
    """The parts below one, each before its own."""
    for name, field in part.model_fields.items():
        if is_part(field):
            inner: Any = field.annotation
            yield f"{title}{name}", inner, f"{prefix}{name.upper()}__"
            yield from parts_of(inner, f"{prefix}{name.upper()}__", f"{title}{name}: ")


def is_part(field: FieldInfo) -> bool:
    """Whether a field of the tree is a part with settings of its own."""
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def type_name(field: FieldInfo) -> str:
    """A field's type as people write it."""
    kind = field.annotation
    name = kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "").replace("Literal", "one of ")
    return name.replace("|", "or")


def show(value: object) -> str:
    """A default as one would set it."""
    return (
        {None: "none", True: "true", False: "false"}.get(value, str(value))
        if isinstance(value, bool | None)
        else str(value)
    )


def metrics_page() -> str:
    """Every metric of every process."""
    lines = [
        "# Metrics",
        "",
        "Each process shows its own on `/metrics` of its port ([settings](settings.md)). Counters end in `_total`;",
        "histograms have `_bucket`, `_sum` and `_count`.",
        "",
    ]
    with tempfile.TemporaryDirectory() as folder:
        sync = CollectorRegistry()
        sync.register(SyncCollector(Path(folder)))
        registries = {
            "Worker": WorkerMetrics().registry,
            "Scorer": ScorerMetrics().registry,
            "Model sync, shown by the scorer": sync,
            "Monitor": MonitorMetrics(Path(folder)).registry,
        }
        for title, registry in registries.items():
            rows = sorted(
                (f"`{family.name}{'_total' * (family.type == 'counter')}`", family.type, family.documentation)
                for family in registry.collect()
            )
            lines += [f"## {title}", "", *table(("metric", "kind", "meaning"), rows), ""]
    return "\n".join(lines)


def errors_page() -> str:
    """Every error, by family, with what it means to a caller of the command line and of gRPC."""
    lines = [
        "# Errors",
        "",
        "Three families, by what the reader of one can do about it. The command line turns them into exit codes, the",
        "scorer into gRPC status codes; a caller is told the whole text only where the fault is theirs or a neighbour",
        "is down.",
        "",
    ]
    rows = [
        (
            f"`{error.__name__}`",
            f"`{error.__bases__[0].__name__}`",
            exit_code_name(error),
            status_name(error),
            first_line(error),
        )
        for error in all_errors()
    ]
    lines += table(("error", "family", "exit code", "gRPC", "meaning"), rows)
    lines += ["", "## Exit codes", ""]
    lines += table(("code", "meaning"), [(str(int(code)), meaning) for code, meaning in MEANINGS.items()])
    return "\n".join([*lines, ""])


def exit_code_name(error: type[errors.MillstreamError]) -> str:
    """The exit code of a family or error."""
    return str(int(next((code for family, code in FAMILIES if issubclass(error, family)), ExitCode.INTERNAL)))


def all_errors() -> list[type[errors.MillstreamError]]:
    """The tree of `features.errors`, in its order there."""
    found = [thing for thing in vars(errors).values() if isinstance(thing, type)]
    return [error for error in found if issubclass(error, errors.MillstreamError)]


def status_name(error: type[BaseException]) -> str:
    """The gRPC status code of a family or error."""
    return next((code.name for family, code, _ in STATUS_OF if issubclass(error, family)), UNKNOWN.code.name)


def commands_page() -> str:
    """Every make target and every verb."""
    targets = re.findall(r"^([a-z-]+):.*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lines = ["# Commands", "", "## make", ""]
    lines += table(("target", "does"), [(f"`make {name}`", text) for name, text in targets])
    lines += [
        "",
        "## millstream",
        "",
        "`.venv/bin/millstream VERB`. Every verb takes `--help`, `--repo DIR` (the domain folder) and `--json`: one",
        "JSON object as the last line of stdout. Progress and logs go to stderr. [Exit codes](errors.md#exit-codes).",
        "",
    ]
    verbs: dict[str, Any] = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]  # it is a group
    for name, verb in verbs.items():
        lines += [f"### {name}", "", str(verb.help), ""]
        own = [p for p in verb.params if p.name not in {"repo", "as_json"}]
        rows = [(f"`{p.opts[0] if p.opts[0].startswith('--') else p.opts[0].upper()}`", str(p.help)) for p in own]
        lines += [*table(("option", "meaning"), rows), ""] if rows else []
    return "\n".join(lines)


def first_line(thing: object) -> str:
    """The first line of a docstring."""
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A Markdown table."""
    cells = [list(header), ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    return ["| " + " | ".join(row) + " |" for row in cells]


def domain_document(name: str) -> str:
    """Charter, exploration plan or design of the default domain, as a new domain would have it."""
    return _domain_documents()[name]


@cache
def _domain_documents() -> dict[str, str]:
    return documents_of(compile_plan(DECLARATIONS), load_domain(DECLARATIONS), "realtime")


PAGES: dict[str, Callable[[], str]] = {
    "docs/settings.md": lambda: NOTICE + settings_page(),
    "docs/metrics.md": lambda: NOTICE + metrics_page(),
    "docs/errors.md": lambda: NOTICE + errors_page(),
    "docs/commands.md": lambda: NOTICE + commands_page(),
    **{f"{DECLARATIONS.name}/{name}": partial(domain_document, name) for name in DOCUMENTS},
}


def stale_pages(root: Path = ROOT) -> list[str]:
    """Pages that are not what the code says."""
    fresh = {name: make() for name, make in PAGES.items()}
    return [name for name, text in fresh.items() if not (root / name).exists() or (root / name).read_text() != text]


def main(arguments: Sequence[str]) -> int:
    """Write the pages, or check them."""
    if list(arguments) == ["--check"]:
        stale = stale_pages()
        for name in stale:
            print(f"{name} is stale: run `make format`", file=sys.stderr)
        return 1 if stale else 0
    for name, make in PAGES.items():
        (ROOT / name).parent.mkdir(exist_ok=True)
        (ROOT / name).write_text(make())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
