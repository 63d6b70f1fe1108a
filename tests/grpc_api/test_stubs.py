"""The stubs that are checked in are those that the protos give."""

from __future__ import annotations

import shutil
from pathlib import Path

from grpc_api.stubs import GENERATED, ROOT, stale_stubs


def test_checked_in_stubs_are_fresh() -> None:
    """Generating anew changes no file."""
    assert stale_stubs() == []


def test_an_edited_missing_or_foreign_stub_is_named(tmp_path: Path) -> None:
    """Each way to be stale is found."""
    shutil.copytree(ROOT / GENERATED, tmp_path / GENERATED, ignore=shutil.ignore_patterns("__pycache__"))
    folder = tmp_path / GENERATED / "millstream" / "scoring" / "v1"
    (folder / "scoring_pb2.pyi").unlink()
    (folder / "scoring_pb2_grpc.py").write_text("edited")
    (folder / "left_over_pb2.py").write_text("of a proto that is gone")

    prefix = "millstream/scoring/v1/"
    assert stale_stubs(tmp_path) == [
        prefix + name for name in ("left_over_pb2.py", "scoring_pb2.pyi", "scoring_pb2_grpc.py")
    ]
