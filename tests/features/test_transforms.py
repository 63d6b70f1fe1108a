"""A domain's request-time functions."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from features.errors import DomainError, PlanMismatchError
from features.transforms import load_transforms, transforms_sha256


def test_only_the_public_functions_of_the_file_itself_are_loaded(tmp_path: Path) -> None:
    """Imports, private names and constants are no request-time features."""
    (tmp_path / "transforms.py").write_text("from math import sqrt\nX = 1\ndef _hidden(): ...\ndef one(): return X\n")
    functions = load_transforms(tmp_path)
    assert list(functions) == ["one"]
    assert functions["one"]() == 1


def test_two_domains_and_two_versions_live_in_one_process(tmp_path: Path) -> None:
    """Equal file names do not share a module, and an edit within the same second is seen."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "transforms.py").write_text(f"def who(): return {name!r}\n")
    a, b = load_transforms(tmp_path / "a"), load_transforms(tmp_path / "b" / "transforms.py")
    (tmp_path / "a" / "transforms.py").write_text("def who(): return 'c'\n")
    c = load_transforms(tmp_path / "a")
    assert (a["who"](), b["who"](), c["who"]()) == ("a", "b", "c")


def test_a_file_other_than_the_pinned_one_is_refused(tmp_path: Path) -> None:
    """The plan's digest decides which functions may serve."""
    path = tmp_path / "transforms.py"
    path.write_text("def one(): return 1\n")
    pinned = transforms_sha256(tmp_path)
    assert pinned == hashlib.sha256(path.read_bytes()).hexdigest()
    assert load_transforms(path, sha256=pinned)["one"]() == 1
    path.write_text("def one(): return 2\n")
    with pytest.raises(PlanMismatchError, match="millstream apply"):
        load_transforms(path, sha256=pinned)


def test_a_domain_without_the_file_has_no_functions(tmp_path: Path) -> None:
    """Its digest is that of no bytes, whether the copy is missing or empty."""
    assert load_transforms(tmp_path) == {}
    empty = transforms_sha256(tmp_path)
    (tmp_path / "transforms.py").write_bytes(b"")
    assert transforms_sha256(tmp_path) == empty
    assert load_transforms(tmp_path, sha256=empty) == {}


def test_a_file_that_cannot_be_imported_is_refused(tmp_path: Path) -> None:
    """The message names the file and the error."""
    (tmp_path / "transforms.py").write_text("import not_there\n")
    with pytest.raises(DomainError, match="not_there"):
        load_transforms(tmp_path)
