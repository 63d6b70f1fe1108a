"""The scorer's section of ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from deploy.markdown import MINE, absent, show, table

AIM_NAMES: Final = {
    "alone_p50_to_echo": "p50 with one call in flight, to the echo's",
    "together_p50_to_echo": "p50 with 16 in flight, to the echo's",
    "half_load_p99_to_echo": "p99 at half load, to the echo's",
    "throughput_to_echo": "calls/s with 16 in flight, to the echo's",
    "batch_rows_per_second_fetched": "ScoreBatch of 1,000, rows/s of one core, features fetched",
    "batch_rows_per_second_vectors": "ScoreBatch of 1,000, rows/s of one core, vectors in the request",
    "feature_reads_1_row_to_feast": "reading one row's features, times faster than Feast's SDK",
    "feature_reads_100_rows_to_feast": "reading a hundred rows', times faster than Feast's SDK",
}
HEADS: Final = (
    "",
    "p50 / p99 ms, 1 in flight",
    "p50 / p99 ms, 16 in flight",
    "calls/s, 16 in flight",
    "p50 / p99 ms, half load",
    "Millstream is faster by: p50 alone, p50 of 16, calls/s",
)
PROFILES: Final = {
    "Score": "`Score`",
    "batch_rows_per_second_fetched": "row of a batch, features fetched",
    "batch_rows_per_second_vectors": "row of a batch, vector in the request",
}
READ_HEADS: Final = ("", "p50 / p99 ms, one row", "p50 / p99 ms, a hundred rows")


def score_section(answer: Mapping[str, Any]) -> Iterator[str]:
    """The scorer among its limit and its peers."""
    yield from (f"`millstream bench score --peers`: {answer['method']}. {answer['traffic']}.", "")
    rows = [_row(answer["score"] | {"name": MINE}), _row(answer["echo"]), *map(_row, answer["peers"])]
    yield from table(HEADS, [*rows, *_raw(answer["raw_ort"])])
    yield from ("", *(f"- {promise}." for promise in answer["promises"]), "")
    yield from (
        "### Aims of the scorer",
        "",
        *table(("aim", "at", "found", "by ghz", "reached"), _aims(answer["aims"])),
        "",
    )
    yield from ("### Features read", "", *table(READ_HEADS, _reads(answer)), "")
    yield from _profile(answer["cpu_us"])
    yield from ("### Peers of the scorer that did not run", "", *absent(answer["did_not_run"]), "")


def _row(found: Mapping[str, Any]) -> tuple[str, ...]:
    alone, together, half = found["alone"], found["together"], found["half_load"]
    ratios = found.get("ratios")
    return (
        found["name"],
        _percentiles(alone),
        _percentiles(together),
        f"{together['per_second']:,.0f}",
        f"{_percentiles(half)} at {half['asked_per_second']:,}/s" if half else "–",
        " / ".join(f"{ratio:g} ×" for ratio in ratios.values()) if ratios else "",
    )


def _raw(found: Mapping[str, Any] | None) -> Iterator[tuple[str, ...]]:
    if found is not None:
        yield ("raw ONNX Runtime, in process", _percentiles(found), "–", f"{found['per_second']:,.0f} (alone)", "–", "")


def _percentiles(found: Mapping[str, Any]) -> str:
    return f"{found['p50_ms']:.3f} / {found['p99_ms']:.3f}"


def _aims(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    for name, aim in found.items():
        told = (show(aim["found"]), show(aim["by_ghz"]))
        yield AIM_NAMES[name], f"{aim['sign']} {aim['aim']:,}", *told, "yes" if aim["reached"] else "no"


def _reads(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for name, found in answer["feature_reads"].items():
        yield f"{name}, in process", *(_percentiles(found[rows]) for rows in ("1", "100"))
    if "get_features" in answer:
        yield "GetFeatures, over gRPC", _percentiles(answer["get_features"]), "–"


def _profile(found: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    if not found:
        return
    yield from (
        "### Where the time goes",
        "",
        "Microseconds of processor time of a `Score` call with 16 in flight and of a row of a `ScoreBatch`, all",
        "threads together, in a run of its own that is watched, which slows it a little.",
        "",
    )
    stages = dict.fromkeys(stage for each in found.values() for stage in each)
    rows = [(stage, *(f"{each.get(stage, 0.0):.1f}" for each in found.values())) for stage in stages]
    total = ("**all**", *(f"**{sum(each.values()):.1f}**" for each in found.values()))
    yield from (*table(("stage", *(PROFILES[name] for name in found)), [*rows, total]), "")
