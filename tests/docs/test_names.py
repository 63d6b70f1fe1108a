"""Nothing is documented that does not exist, and everything of ours that exists is documented."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
import typer
import yaml

from deploy.command_line import make_app
from deploy.reference_pages import metrics_page
from deploy.scaffold.documents import DOCUMENTS
from features.aggregates import AGGREGATES
from features.attribution import Cause
from features.bundle import FILES, MANIFEST
from features.formats.record import Reason
from features.lake.rows import POSITION_COLUMNS
from features.model_file import DemoSpec, ModelFile, ModelSpec
from features.nouns import DEAD_LETTERS_TOPIC, SCORES_TOPIC, ScoreRecord
from features.settings import setting_names
from streams.batch import REDRIVE_HEADER
from tests.docs.pages import PAGES, ROOT, all_blocks, blocks_of, code_of, rows_of

DOCS = ROOT / "docs"
ROOMS = ("features", "streams", "grpc_api", "offline_training", "monitoring", "deploy", "millstream")
TAGS = re.compile(r"(sh|python)( run)?|sh (make|grpcurl)|diff run \S+|text( output| like| demo)?|mermaid|json( like)?")
TARGETS = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
VERBS: dict[str, Any] = typer.main.get_command(make_app()).commands  # type: ignore[attr-defined]  # it is a group
OPEN_VERBS = {"score", "features"}
COMMON = {"repo", "as_json"}
"""Parameters that every verb has, by the names that typer knows them by."""
FAULTS = "pytest.mark.faults"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def sources() -> Iterator[Path]:
    """The engine's own Python files."""
    for room in ROOMS:
        yield from (path for path in (ROOT / room).rglob("*.py") if "_generated" not in path.parts)


ERRORS = {name for path in sources() for name in re.findall(r"^class (\w+Error)\(", path.read_text(), re.MULTILINE)}
METRICS = set(re.findall(r"`(millstream_\w+)`", metrics_page()))


@every_page
def test_settings_that_are_named_exist(page: Path) -> None:
    """A variable in a page is a setting, or the beginning of some."""
    known = setting_names()
    for name in re.findall(r"MILLSTREAM_[A-Z0-9_]*[A-Z0-9]", page.read_text()):
        assert any(setting == name or setting.startswith(f"{name}__") for setting in known), name


@every_page
def test_metrics_that_are_named_exist(page: Path) -> None:
    """A metric in a page is one that a process shows."""
    for name in re.findall(r"\bmillstream_(?:worker|scorer|monitor|verify|model_sync)_\w+", page.read_text()):
        assert name in METRICS or re.sub(r"_(bucket|sum|count)$", "", name) in METRICS, name


@every_page
def test_errors_that_are_named_exist(page: Path) -> None:
    """An error in a page is a class of the engine."""
    for name in re.findall(r"`(\w+Error)`", page.read_text()):
        assert name in ERRORS, name


@every_page
def test_commands_that_are_shown_exist(page: Path) -> None:
    """A target is one of the Makefile, a verb one of the command line, an option one of that verb's."""
    for code in code_of(page):
        for target in re.findall(r"(?:^|[;&] *)make ([a-z][a-z-]*)", code):
            assert target in TARGETS, code
        for command in re.findall(r"(?:^|[;&(] *|/)millstream ([^;&|]+)", code):
            assert_command(command)


def assert_command(command: str) -> None:
    """Hold one call of the command line against its verbs and options."""
    words = command.split()
    options = {"--help", *(name for verb in VERBS.values() for p in verb.params if p.name in COMMON for name in p.opts)}
    while words and words[0] in {"--repo", "--json"}:
        words = words[2:] if words[0] == "--repo" else words[1:]
    if not words or words[0] in {"VERB", "<verb>", "--help"}:
        return
    assert words[0] in VERBS, command
    known = options | {name for p in VERBS[words[0]].params for name in p.opts}
    for word in words[1:]:
        if word.startswith("--") and words[0] not in OPEN_VERBS:
            assert word.partition("=")[0] in known, command


@pytest.mark.parametrize(
    "command", ["repair x", "verify --shard 3", "--repo shop serve", "up --worker 2", "models list --model a"]
)
def test_a_command_that_does_not_exist_is_noticed(command: str) -> None:
    """A verb that is not there, and an option that its verb does not take."""
    with pytest.raises(AssertionError):
        assert_command(command)


@every_page
def test_every_block_says_what_it_is(page: Path) -> None:
    """So that none is taken for one that is run."""
    for block in blocks_of(page):
        assert TAGS.fullmatch(block.tag), f"{block}: {block.tag!r}"


def test_python_blocks_are_python() -> None:
    """Those that are not run as well."""
    for block in all_blocks():
        if block.tag.startswith("python"):
            compile(block.text, str(block), "exec")


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link names a file that is there, every anchor a heading of it."""
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = page.parent / name if name else page
        assert found.exists(), target
        assert not anchor or anchor in anchors_of(found), target


def anchors_of(page: Path) -> set[str]:
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_files_that_are_named_exist(page: Path) -> None:
    """Tests with their functions, the folders and files of the repository, and the documents that domains have."""
    for name in re.findall(r"`((?:tests|deploy|docs|feature_repo)/[\w./-]+)(?:::\w+)?`", page.read_text()):
        assert (ROOT / name).exists() or name in DOCUMENTS, name
    for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page.read_text()):
        assert f"def {test}(" in (ROOT / file).read_text(), f"{file}::{test}"


def test_pages_that_the_code_names_exist() -> None:
    """An error that sends its reader to a page, and a heading in it, sends to one that is there."""
    files = [*sources(), *(ROOT / "deploy" / "prometheus" / "rules").glob("*.yml")]
    for file in files:
        for name, anchor in re.findall(r"\bdocs/([\w-]+\.md)(?:#([\w-]+))?", file.read_text()):
            assert (DOCS / name).exists() or f"docs/{name}" in DOCUMENTS, f"{file.name}: {name}"
            assert not anchor or anchor in anchors_of(DOCS / name), f"{file.name}: {name}#{anchor}"


def test_the_readme_links_every_page() -> None:
    """A page that nobody finds is not documentation."""
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)", (ROOT / "README.md").read_text()))
    assert linked == {page.name for page in DOCS.glob("*.md")}


def test_every_fault_names_its_test() -> None:
    """The tests that `make test-faults` runs are those of the table of operations."""
    named = re.findall(r"`(tests/[\w/]+\.py::test_\w+)`", section_of("operations.md", "What happens when"))
    assert sorted(fault_tests()) == sorted(set(named))


def section_of(page: str, heading: str) -> str:
    """What stands below a heading of the second level, up to the next one."""
    return (DOCS / page).read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
PROCEDURES = [
    line.strip("| ").split(" | ")
    for line in section_of("operations.md", "Procedures").splitlines()
    if line.startswith("| [")
]
"""Link, commands and test of each procedure, as they stand in the table."""


def test_every_runbook_is_a_procedure_with_a_test() -> None:
    """Each heading of the runbooks stands in the table."""
    headings = re.findall(r"^### (.+)$", section_of("operations.md", "Runbooks"), re.MULTILINE)
    linked = {re.sub(r"^\[(.+)\]\(.*$", r"\1", link) for link, *_ in PROCEDURES}
    assert headings
    assert set(headings) <= linked


@pytest.mark.parametrize(("link", "named", "tested"), PROCEDURES)
def test_a_procedure_is_carried_out_by_its_test(link: str, named: str, tested: str) -> None:
    """Its test is there; each command's words stand in one call of it, or of a fixture, or in a block that is run."""
    commands = re.findall(r"`millstream ([^`]+)`", named)
    assert commands or named == "–", f"{link}: commands, or –"
    ((file, test),) = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", tested)
    tests = [node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if isinstance(node, FUNCTIONS)]
    assert test in tests, f"{link}: there is no {test} in {file}"
    if file == "tests/docs/test_blocks.py":
        calls = [block.text.split() for block in blocks_of(DOCS / "operations.md") if block.tag == "sh run"]
    else:
        calls = calls_in(ROOT / file) + calls_in(ROOT / "tests/faults/conftest.py")
    for command in commands:
        words = [word for word in command.split() if not word.isupper()]
        assert any(contains(call, words) for call in calls), f"{link}: {command} is not run by {test}"


def calls_in(file: Path) -> list[list[str]]:
    """The literal words of every call."""
    calls = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    return [
        [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        for call in calls
    ]


def contains(call: list[str], words: list[str]) -> bool:
    """Whether the words stand in a call, in their order."""
    rest = iter(call)
    return all(word in rest for word in words)


def fault_tests() -> Iterator[str]:
    """Tests with the mark ``faults``, on themselves or on their module."""
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        body = ast.parse(file.read_text()).body
        module_marks = [ast.unparse(node) for node in body if isinstance(node, ast.Assign)]
        whole = any(mark.startswith("pytestmark") and FAULTS in mark for mark in module_marks)
        for node in body:
            if not isinstance(node, FUNCTIONS) or not node.name.startswith("test_"):
                continue
            if whole or any(FAULTS in ast.unparse(decorator) for decorator in node.decorator_list):
                yield f"{file.relative_to(ROOT).as_posix()}::{node.name}"


def test_every_alert_is_documented() -> None:
    """The headings of its page are the alerts of the rules."""
    rules = [yaml.safe_load(file.read_text()) for file in (ROOT / "deploy/prometheus/rules").glob("*.yml")]
    alerts = {rule["alert"] for file in rules for group in file["groups"] for rule in group["rules"] if "alert" in rule}
    assert alerts == set(re.findall(r"^### (Millstream\w+)$", (DOCS / "monitoring.md").read_text(), re.MULTILINE))


def test_every_topic_is_documented() -> None:
    """Those that the engine makes for itself, and no other."""
    page = DOCS / "topics-and-files.md"
    assert set(rows_of(page, "Topics")) >= {SCORES_TOPIC, DEAD_LETTERS_TOPIC}
    named = set(re.findall(r"`(millstream\.[a-z-]+)`", page.read_text()))
    assert named == {SCORES_TOPIC, DEAD_LETTERS_TOPIC}
    assert f"`{REDRIVE_HEADER}`" in page.read_text()


def test_every_field_of_a_score_record_is_documented() -> None:
    """The table names them all, and no other."""
    fields = rows_of(DOCS / "topics-and-files.md", "Score record")
    assert sorted(fields) == sorted(field.name for field in msgspec.structs.fields(ScoreRecord))


def test_every_file_of_a_bundle_is_documented() -> None:
    """The table names them all, and no other."""
    assert sorted(rows_of(DOCS / "topics-and-files.md", "The bundle")) == sorted([*FILES, MANIFEST])


def test_every_column_of_the_lake_is_documented() -> None:
    """Those that the lake adds to the declared ones."""
    text = (DOCS / "topics-and-files.md").read_text()
    assert [column for column in POSITION_COLUMNS if f"`{column}`" not in text] == []


def test_every_key_of_a_model_file_is_documented() -> None:
    """The tables name them all, and no other."""
    found = rows_of(DOCS / "domain.md", "model.yaml")
    whole = set(keys_of(ModelFile)) - {"models", *keys_of(DemoSpec, "demo.")}
    assert sorted(found) == sorted([*keys_of(ModelSpec), *keys_of(DemoSpec), *whole])


def keys_of(struct: type[msgspec.Struct], prefix: str = "") -> Iterator[str]:
    """Keys as people write them, those of parts behind a dot."""
    for field in msgspec.structs.fields(struct):
        (kind, *_) = get_args(field.type) or (field.type,)  # of what may be absent, what it is
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            yield from keys_of(kind, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}"


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("concepts.md", sorted(AGGREGATES)),
        ("domain.md", sorted(AGGREGATES)),
        ("concepts.md", [reason.value for reason in Reason]),
        ("operations.md", [reason.value for reason in Reason]),
        ("concepts.md", get_args(Cause)),
    ],
)
def test_every_word_that_users_meet_is_explained(page: str, names: list[str]) -> None:
    """Functions, reasons of dead letters, causes of mismatches."""
    text = (DOCS / page).read_text()
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_type_of_column_is_documented() -> None:
    """The names that Feast's schema text may use."""
    from features.declarations.message_format import TYPES

    text = (DOCS / "domain.md").read_text()
    assert [name for name in TYPES if f"`{name}`" not in text] == []


def test_every_target_stands_in_the_readme_or_development() -> None:
    """Besides the generated page, where they all are."""
    text = (ROOT / "README.md").read_text() + (DOCS / "development.md").read_text() + (DOCS / "commands.md").read_text()
    assert [target for target in TARGETS if f"make {target}" not in text] == []
