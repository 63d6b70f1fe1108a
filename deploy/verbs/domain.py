"""The domain: apply, adopt, replay."""

from __future__ import annotations

from typing import Annotated

import typer

from deploy.invocation import Invocation, Outcome

TOPIC = Annotated[str, typer.Argument(help="The topic.")]
TOPICS = Annotated[list[str] | None, typer.Argument(help="Topics; none: all that have a history.")]
FROM = Annotated[str | None, typer.Option("--from", help="First instant to send, such as 1998-01-01.")]
UNTIL = Annotated[str | None, typer.Option("--until", help="Instant before which to stop.")]
WAIT = Annotated[bool, typer.Option("--wait", help="Return once all that was sent is applied.")]
START = Annotated[str, typer.Option("--from", help="Where to begin to read: beginning, end, or an offset.")]


def apply(call: Invocation) -> Outcome:
    """Check the domain, put it in the registry, and compile its plan."""
    from features.compiler import apply_domain
    from features.errors import DomainError
    from features.plan_shelf import applied_plan, read_in_force

    call.note("applying the domain (Feast takes some seconds to load)")
    try:
        before = {view.name: view.hash for view in applied_plan(call.state_dir).views}
    except DomainError:
        before = {}
    plan = apply_domain(call.repo, call.state_dir, call.settings.store)
    views = {
        view.name: "new" if view.name not in before else "unchanged" if before[view.name] == view.hash else "changed"
        for view in plan.views
    }
    lines = [f"plan {plan.hash} of {plan.project}: {call.state_dir / 'plan.json'}"]
    lines += [f"  view {view.name} {view.hash} ({views[view.name]})" for view in plan.views]
    lines += [f"  service {service.name}: {len(service.features)} features" for service in plan.services]
    in_force = read_in_force(call.state_dir)
    if in_force is not None and in_force.serving != plan.hash:
        lines.append(f"  plan {in_force.serving} serves until this one is rolled out")
    data = {
        "project": plan.project,
        "plan_hash": plan.hash,
        "views": [{"name": view.name, "hash": view.hash, "change": views[view.name]} for view in plan.views],
        "services": {service.name: list(service.feature_names) for service in plan.services},
    }
    return Outcome(data, "\n".join(lines))


def adopt(call: Invocation, topic: TOPIC, start: START) -> Outcome:
    """Allow a topic that was made anew to be read, from where you say."""
    import asyncio

    from deploy.adoption import adopt_topic

    adopted = asyncio.run(adopt_topic(call.reaching("kafka", "store"), call.plan, topic, start))
    starts = ", ".join(f"{partition} at {offset}" for partition, offset in sorted(adopted.start.items()))
    data = {"topic": topic, "log": adopted.log, "start": {str(at): offset for at, offset in adopted.start.items()}}
    return Outcome(data, f"{topic}: log {adopted.log} adopted, partitions {starts}")


def replay(
    call: Invocation,
    topics: TOPICS = None,
    begin: FROM = None,
    until: UNTIL = None,
    wait: WAIT = False,
) -> Outcome:
    """Send recorded history to the broker, in time order, as if it happened now."""
    import time

    from deploy.caught_up import CaughtUp
    from deploy.instants import parse_instant, to_us
    from deploy.replay import PRODUCER, Replayer, load_history, recorded_topics
    from deploy.stack import worker_ports
    from features.progress import progress_bar
    from features.tracing import open_tracer

    settings, plan = call.reaching("kafka"), call.plan
    from_us = None if begin is None else to_us(parse_instant("--from", begin))
    until_us = None if until is None else to_us(parse_instant("--until", until))
    sent: dict[str, int] = {}
    began_s = time.monotonic()
    with Replayer(settings.kafka.bootstrap_servers, open_tracer(settings.tracing, PRODUCER)) as replayer:
        for topic in topics or recorded_topics(call.domain, plan):
            history = load_history(call.domain, plan, topic, call.settings.schema_registry)
            with progress_bar(f"replaying {topic}", history.count(from_us, until_us)) as advance:
                sent[topic] = replayer.send(history, from_us, until_us, advance)
    if wait:
        ports = worker_ports(settings, plan.project)
        waiting = CaughtUp(bootstrap_servers=settings.kafka.bootstrap_servers, worker_ports=ports)
        waiting.wait(waiting.ends_of(replayer.delivered), deadline_s=60.0)
    seconds = time.monotonic() - began_s
    state = "applied" if wait else "sent"
    text = "\n".join(f"{topic}: {count:,} events {state}" for topic, count in sent.items())
    return Outcome({"events": sum(sent.values()), "topics": sent, "applied": wait, "seconds": round(seconds, 3)}, text)
