"""The design of a system, held against its declarations and what runs."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.design import Design, Slos, declared_design, differences, read_design
from deploy.design_kept import MIN_CALLS, broken_promises, not_running
from deploy.metrics_page import MetricsPage
from features.compiler import compile_plan
from features.domain import load_domain
from features.errors import DomainError

REPO = Path(__file__).resolve().parents[2] / "feature_repo"


def test_the_default_domains_design_is_true_and_a_lie_is_found() -> None:
    """Each part that differs is named, with both sides."""
    design, plan, domain = read_design(REPO), compile_plan(REPO), load_domain(REPO)
    assert design == declared_design(plan, domain, "realtime", design.slos)
    assert differences(design, plan, domain) == []
    ((name, model),) = design.models.items()
    lie = msgspec.structs.replace(
        design, project="other", topics={}, models={name: msgspec.structs.replace(model, horizon="1d")}
    )
    assert differences(lie, plan, domain) == [
        f"project: the design says other, declared is {domain.project}",
        *(f"topics.{topic}: is declared and not in the design" for topic in design.topics),
        f"models.{name}.horizon: the design says 1d, declared is {model.horizon}",
    ]
    more = msgspec.structs.replace(design, views={**design.views, "nothing": next(iter(design.views.values()))})
    assert differences(more, plan, domain) == ["views.nothing: is in the design and not declared"]


def test_a_component_that_is_dead_absent_or_too_many_is_found() -> None:
    """One of several processes is enough."""
    design = read_design(REPO)
    running = dict.fromkeys(design.components, True)
    running["worker-2"] = running.pop("worker")
    assert not_running(design, running) == []
    running |= {"monitor": False, "workers-of-others": True}
    assert not_running(design, running) == [
        "components: monitor is not running",
        "components: workers-of-others runs and is not in the design",
    ]


def page(fast: int, slow: int, unproven: int = 0) -> MetricsPage:
    """A scorer that answered so many calls within 5 ms and so many within 50; a monitor that found so many scores."""
    name = 'millstream_scorer_request_seconds_{}{{method="Score"{}}} {}'
    lines = [
        "# TYPE millstream_scorer_request_seconds histogram",
        *(
            name.format("bucket", f',le="{le}"', count)
            for le, count in (("0.005", fast), ("0.05", fast + slow), ("+Inf", fast + slow))
        ),
        name.format("count", "", fast + slow),
        "# TYPE millstream_verify_mismatched gauge",
        f"millstream_verify_mismatched {unproven}",
    ]
    return MetricsPage("\n".join([*lines, ""]))


def test_what_is_promised_is_measured() -> None:
    """By the slowest process, where there were calls enough; no promise is never broken."""
    slos = Slos(score_p99_ms=25.0)
    few, fast, slow = page(MIN_CALLS - 100, 50), page(MIN_CALLS, 5), page(MIN_CALLS, MIN_CALLS // 2)
    assert broken_promises(slos, [few, None], few) == (
        [],
        [f"score_p99_ms: {MIN_CALLS - 50:,} calls are too few to tell", "unproven_scores: 0 of 0"],
    )
    assert broken_promises(slos, [fast], fast) == ([], ["score_p99_ms: 5.0 of 25", "unproven_scores: 0 of 0"])
    broken, kept = broken_promises(slos, [fast, slow], page(0, 0, unproven=2))
    assert broken == ["score_p99_ms: 48.7 of 25", "unproven_scores: 2 of 0"]
    assert kept == []
    assert broken_promises(Slos(unproven_scores=None), [slow], slow) == ([], [])


def test_a_design_of_another_form_is_refused(tmp_path: Path) -> None:
    """A missing file, a misspelt key, another encoding."""
    with pytest.raises(DomainError, match="is missing"):
        read_design(tmp_path)
    (tmp_path / "architecture").mkdir()
    (tmp_path / "architecture" / "ml-system-design.yaml").write_text("projekt: x\n")
    with pytest.raises(DomainError, match="is no design"):
        read_design(tmp_path)
    (tmp_path / "architecture" / "ml-system-design.yaml").write_bytes("project: café\n".encode("latin-1"))
    with pytest.raises(DomainError, match="is not UTF-8"):
        read_design(tmp_path)


def test_a_design_may_leave_out_what_has_a_default() -> None:
    """Targets, promises, stores: but never what is declared."""
    design, plan, domain = read_design(REPO), compile_plan(REPO), load_domain(REPO)
    said = msgspec.to_builtins(design)
    for part in ("components", "stores", "slos"):
        del said[part]
    assert differences(msgspec.convert(said, Design), plan, domain) == []
