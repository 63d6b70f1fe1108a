"""`millstream verify` leaves its outcome where the monitor shows it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation
from deploy.verbs.proof import verify
from features.plan import Plan
from features.plan_shelf import put_on_shelf
from monitoring.verify_result import VerifyCollector

REPO = Path(__file__).parents[2] / "feature_repo"


def test_a_run_is_seen_by_prometheus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also a run that had nothing to check, which fails: the alert is about runs that do not happen."""
    monkeypatch.setenv("MILLSTREAM_VAR", str(tmp_path))
    call = Invocation(repo=REPO, as_json=False, stdout=io.StringIO(), stderr=io.StringIO())
    transforms = (REPO / "transforms.py").read_bytes()
    sha256 = hashlib.sha256(transforms).hexdigest()
    plan = Plan(project=call.project, sources=(), views=(), request_features=(), services=(), transforms_sha256=sha256)
    put_on_shelf(plan, transforms, call.state_dir)
    assert verify(call).code is ExitCode.FAILED
    registry = CollectorRegistry()
    registry.register(VerifyCollector(call.state_dir / "reports"))
    assert registry.get_sample_value("millstream_verify_checked") == 0
    assert (registry.get_sample_value("millstream_verify_last_run_timestamp_seconds") or 0) > 1_000_000_000
