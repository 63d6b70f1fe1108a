"""The alert rules, checked and run by Prometheus' own tool."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from grpc_api.metrics import ScorerMetrics
from grpc_api.sync_status import SyncCollector
from monitoring.metrics import MonitorMetrics
from streams.metrics import WorkerMetrics

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = sorted((FOLDER / "rules").glob("*.yml"))
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
DOCUMENT = FOLDER.parents[1] / "docs" / "monitoring.md"
METRIC = re.compile(r"\bmillstream_\w+|\bup\b")
JOBS = {"millstream-worker", "millstream-scorer", "millstream-monitor"}


def rules() -> Iterator[dict[str, Any]]:
    """Every alert."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


@pytest.fixture
def promtool() -> str:
    """Where the tool is; without it the test is skipped, and says what installs it."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed: `make servers` installs it (Debian's package prometheus)")
    return found


def run(*command: str | Path) -> str:
    """Output of a command that must succeed."""
    done = subprocess.run([str(part) for part in command], cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_configuration_and_rules_are_what_prometheus_reads(promtool: str) -> None:
    """`promtool check` passes both, and the configuration names the rules that are there."""
    output = run(promtool, "check", "config", FOLDER / "prometheus.yml")
    assert f"{len(RULES)} rule files found" in output
    run(promtool, "check", "rules", *RULES)


def test_alerts_fire_and_do_not_fire(promtool: str) -> None:
    """`promtool test rules` passes every case in ``deploy/prometheus/tests/``."""
    assert TESTS
    run(promtool, "test", "rules", *TESTS)


def test_every_alert_is_tested_both_ways() -> None:
    """Each has a case in which it fires and one in which it is silent beside other series or at another time."""
    fires, silent = set(), set()
    for path in TESTS:
        for case in yaml.safe_load(path.read_text())["tests"]:
            n_series = len(case["input_series"])
            for check in case["alert_rule_test"]:
                n_alerts = len(check["exp_alerts"])
                if n_alerts:
                    fires.add(check["alertname"])
                if n_alerts < n_series:
                    silent.add(check["alertname"])
    names = {rule["alert"] for rule in rules()}
    assert names == fires
    assert names == silent


def exported(folder: Path) -> set[str]:
    """Names of all samples that worker, scorer and monitor may show."""
    sync = CollectorRegistry()
    sync.register(SyncCollector(folder))
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {
        family.name + suffix
        for registry in (WorkerMetrics().registry, ScorerMetrics().registry, sync, MonitorMetrics(folder).registry)
        for family in registry.collect()
        for suffix in suffixes.get(family.type, ("",))
    }


def test_every_metric_in_a_rule_is_exported(tmp_path: Path) -> None:
    """A rule over a metric that nobody shows never fires."""
    known = exported(tmp_path)
    for rule in rules():
        expression = re.sub(r'"[^"]*"', '""', rule["expr"])
        named = set(METRIC.findall(expression))
        assert named, rule["alert"]
        assert named - {"up"} <= known, rule["alert"]


def test_every_job_in_a_rule_is_scraped() -> None:
    """The same for what Prometheus itself knows of a target."""
    scraped = {job["job_name"] for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]}
    asked = {job for rule in rules() for job in re.findall(r'job="([^"]+)"', rule["expr"])}
    assert scraped == asked == JOBS


def test_every_alert_has_its_page() -> None:
    """An alert's ``runbook`` leads to a heading of docs/monitoring.md that carries its name."""
    headings = set(re.findall(r"^#+ (Millstream\w+)$", DOCUMENT.read_text(), flags=re.MULTILINE))
    assert headings == {rule["alert"] for rule in rules()}
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/monitoring.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_every_metric_of_the_monitor_is_documented(tmp_path: Path) -> None:
    """docs/monitoring.md names each."""
    text = DOCUMENT.read_text()
    missing = [family.name for family in MonitorMetrics(tmp_path).registry.collect() if family.name not in text]
    assert missing == []
