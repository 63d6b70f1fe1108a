"""``docs/performance.md``, made from what the benches answered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from deploy.markdown import MINE, absent, show, table, words
from deploy.score_page import score_section
from deploy.train_page import train_section

NOTICE: Final = "<!-- Made by `make performance` from the benches' answers: do not edit. -->"
OPENING: Final = """\
# Performance

`make performance` runs every bench but `faults` and writes this page; nothing here is typed by hand. Each figure stands
beside what it was measured against, taken in the same run: ratios travel to other machines, absolute figures do not.
The benches are described in [operations](operations.md#benches).
"""
TITLES: Final = {
    "stream": "Stream: from topic to store",
    "score": "Scorer",
    "overload": "Scorer, asked for more than it can answer",
    "backfill": "Backfill",
    "aggregates": "Aggregates",
    "store": "Memory of a million entities",
    "hot-keys": "Entities with most of the events",
    "swaps": "Hot swaps of models under load",
    "train": "Search",
}
"""The sections, in order, and the bench that each is of."""
TRAFFIC: Final = {"zipf": "Zipf(1.1)", "uniform": "uniform", "single_key": "one account"}
FRESHNESS: Final = {"half_peak": "at half of its own peak", "even_pace": "at the same pace for all"}
AIM_NAMES: Final = {
    "zipf_events_per_second": "events/s per worker core, Zipf",
    "uniform_events_per_second": "events/s per worker core, uniform",
    "freshness_p50_ms": "freshness p50, ms",
    "freshness_p99_ms": "freshness p99, ms",
}


def performance_page(machine: Mapping[str, str], answers: Mapping[str, Mapping[str, Any]]) -> str:
    """The page. ``answers`` are by bench; one that failed has a ``reason`` and nothing else."""
    lines = [NOTICE, OPENING, "## The machine", ""]
    lines += [*table(("what", "which"), machine.items()), ""]
    for bench, title in TITLES.items():
        lines += [f"## {title}", ""]
        answer = answers.get(bench, {"reason": "it was not asked for"})
        if "taken_on" in answer:
            lines += [f"Taken on {answer['taken_on']}.", ""]
        if "reason" in answer:
            lines += [f"Not measured: {answer['reason']}.", ""]
        elif bench in SECTIONS:
            lines += SECTIONS[bench](answer)
        else:
            lines += plain_section(bench, answer)
    return "\n".join(lines).rstrip() + "\n"


def stream_section(answer: Mapping[str, Any]) -> Iterator[str]:
    """The worker among its peers."""
    sections = {"zipf": answer, "uniform": answer["uniform"], "single_key": answer["single_key"]}
    yield from (f"`millstream bench stream --peers`: {answer['method']}. {answer['traffic']}.", "")
    heads = (f"events/s, {name}" for name in TRAFFIC.values())
    yield from table(("", *heads, "events", "Millstream is faster by, Zipf / uniform"), speeds(sections))
    yield ""
    if answer["plain_faust_events_per_second"] is not None:
        yield from (
            f"Faust with an agent that does nothing takes {answer['plain_faust_events_per_second']:,} events/s.",
            "",
        )
    yield from coalesced(answer["feast_fields_coalesced"])
    yield from (*(f"- {promise}." for promise in answer["promises"]), "")
    yield from ("### Freshness", "", "From produce to readable, p50 / p99 in milliseconds, in an open loop.", "")
    yield from table(("", *FRESHNESS.values()), freshnesses(answer))
    yield ""
    yield from ("### Aims", "", *table(("aim", "at", "found", "reached"), aims(answer["aims"])), "")
    yield from stages(answer["cpu_us_per_event"])
    yield from bytes_per_entity(answer["bytes_per_entity"])
    yield from ("### Did not run", "", *absent(answer["did_not_run"], TRAFFIC), "")


def coalesced(found: Mapping[str, int]) -> Iterator[str]:
    """What the worker gains where Feast's fields may be older."""
    if found:
        told = ", ".join(f"{TRAFFIC[traffic]} {per_second:,} events/s" for traffic, per_second in found.items())
        yield from (f"With Feast's fields renewed once for each lake file, every second: {told}.", "")


def bytes_per_entity(memory: Mapping[str, int] | None) -> Iterator[str]:
    """What a state takes, where it could be told."""
    if memory:
        yield from ("### Bytes an entity", "", f"All tiles full: a state of {memory['state']:,} bytes takes")
        yield f"{memory['store']:,} in the store, Feast's fields among them, and {memory['worker']:,} in a worker."
        yield ""


def speeds(sections: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row each: the worker, then peers from the fastest on."""
    zipf = sections["zipf"]
    mine = [f"**{section['events_per_second']:,}**" for section in sections.values()]
    yield (MINE, *mine, " / ".join(f"{n:,}" for n in zipf["events"].values()), "")
    by_name: dict[str, dict[str, Mapping[str, Any]]] = {}
    for traffic, section in sections.items():
        for peer in section["peers"]:
            by_name.setdefault(peer["name"], {})[traffic] = peer
    for name, found in by_name.items():
        yield (
            name,
            *(f"{found[traffic]['events_per_second']:,}" if traffic in found else "–" for traffic in sections),
            " / ".join(f"{found[traffic]['events']:,}" if traffic in found else "–" for traffic in sections),
            " / ".join(
                f"{found[traffic]['ratio']:g} ×" if traffic in found else "–" for traffic in ("zipf", "uniform")
            ),
        )


def freshnesses(answer: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row each, in the order of speed."""
    for name, found in ((MINE, answer["freshness"]), *((peer["name"], peer["freshness"]) for peer in answer["peers"])):
        yield (name, *(freshness((found or {}).get(pace)) for pace in FRESHNESS))


def freshness(found: Mapping[str, Any] | None) -> str:
    """Both percentiles, the pace, and how busy the servers' core was; or nothing."""
    if not found:
        return "–"
    busy = sum(found["servers_core"].values())
    return f"{found['p50_ms']} / {found['p99_ms']} at {found['events_per_second']:,}/s, servers {busy:.0%}"


def aims(found: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, ...]]:
    """A row an aim."""
    for name, aim in found.items():
        sign = "≤" if name.endswith("_ms") else "≥"
        yield AIM_NAMES[name], f"{sign} {aim['aim']:,}", show(aim["found"]), "yes" if aim["reached"] else "no"


def stages(found: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Where the time goes, worker first, servers below."""
    if not found:
        return
    yield from (
        "### Where the time goes",
        "",
        "Microseconds of processor time an event, by stage of the worker, in runs of",
    )
    speeds = " and ".join(f"{run['events_per_second']:,} ({TRAFFIC[name]})" for name, run in found.items())
    yield from (f"their own that are watched, which slows them a little: {speeds} events/s.", "")
    runs = list(found.values())
    names = dict.fromkeys(name for run in runs for name in run["worker_us"])
    rows = [(name, *(f"{run['worker_us'].get(name, 0.0):.2f}" for run in runs)) for name in names]
    rows += [("**worker**", *(f"**{sum(run['worker_us'].values()):.2f}**" for run in runs))]
    rows += [(f"{name} server", *(f"{run['servers_us'][name]:.2f}" for run in runs)) for name in runs[0]["servers_us"]]
    yield from table(("stage", *(TRAFFIC[name] for name in found)), rows)
    yield ""


def plain_section(bench: str, answer: Mapping[str, Any]) -> Iterator[str]:
    """Figures by name, then those that are of many things as a table of their own."""
    traffic = answer["traffic"]
    by_traffic = traffic if isinstance(traffic, Mapping) else {}
    yield from (f"`millstream bench {bench}`: {', '.join(by_traffic) or traffic}.", "")
    left_out = {"traffic", "machine", "cores", "taken_on", "bar"}
    told = {**{name: value for name, value in answer.items() if name not in left_out}, **by_traffic}
    single = [(words(name), show(value)) for name, value in told.items() if not isinstance(value, Mapping)]
    single += [(f"bar of {words(name)}", f"at most {show(bar)}") for name, bar in answer.get("bar", {}).items()]
    yield from (*table(("figure", "value"), single), "")
    many = {name: value for name, value in told.items() if isinstance(value, Mapping)}
    heads = list(dict.fromkeys(name for value in many.values() for name in value))
    if heads:
        rows = [(f"`{name}`", *(show(value.get(head, "–")) for head in heads)) for name, value in many.items()]
        yield from (*table(("", *map(words, heads)), rows), "")


SECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], Iterator[str]]]] = {
    "stream": stream_section,
    "score": score_section,
    "train": train_section,
}
"""Benches whose answers are more than figures by name."""
