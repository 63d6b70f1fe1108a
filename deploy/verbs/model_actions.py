"""What `millstream models` does: list, approve, reject, audit, route, retire, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deploy.exit_codes import ExitCode
from deploy.invocation import Invocation, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from offline_training.standing import Standing


def listed(call: Invocation, options: Mapping[str, Any]) -> Outcome:  # noqa: ARG001 - as all actions
    """Versions, arms and routing of every model of the domain."""
    import msgspec

    from deploy.model_desk import ModelDesk

    registry = ModelDesk(call).registry
    found, standings = registry.list_models(call.project), registry.standings(call.project)
    lines = [version.line() for version in found]
    lines += [line for standing in standings if len(standing.arms) > 1 for line in standing.lines()]
    data = {
        "models": [version.shown() for version in found],
        "serving": {standing.model: msgspec.to_builtins(standing) for standing in standings},
    }
    return Outcome(data, "\n".join(lines) or "no models yet")


def approved(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Approve of a version that waits for review."""
    from deploy.model_desk import ModelDesk

    name, version = reviewed(call, options)
    decided = ModelDesk(call).review(name).approve(version, options.get("reason", ""))
    lines = [f"  {check}" for check in decided.checks]
    lines.append(f"{name} {version} is {decided.stage}: millstream promote {name} {version}")
    return Outcome({"model": name, "version": version, "approval_status": decided.stage}, "\n".join(lines))


def rejected(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Reject a version that waits for review, for ever."""
    from deploy.model_desk import ModelDesk
    from features.errors import RequestError

    name, version = reviewed(call, options)
    if "reason" not in options:
        raise RequestError("--reason", "is missing", "say why, to who trained it")
    decided = ModelDesk(call).review(name).reject(version, options["reason"])
    data = {"model": name, "version": version, "approval_status": decided.stage}
    return Outcome(data, f"{name} {version} is {decided.stage}")


def reviewed(call: Invocation, options: Mapping[str, Any]) -> tuple[str, str]:
    """Model and version that are to be decided on; where the domain has one model, its version alone will do."""
    from features.errors import RequestError

    model, version = options.get("model"), options.get("version")
    if version is None and model is not None and model not in call.domain.models:
        model, version = None, model
    if version is None:
        raise RequestError("VERSION", "is missing", "see `millstream models`")
    return call.domain.model(model)[0], version


def audited(call: Invocation, options: Mapping[str, Any]) -> Outcome:  # noqa: ARG001 - as all actions
    """Hold the audit log against itself, its signatures and the registry."""
    from deploy.model_desk import ModelDesk

    found = ModelDesk(call).audit()
    findings = found["findings"]
    text = (
        f"{found['entries']} entries, {found['signatures']} of them signed, {len(findings)} findings: {found['file']}"
    )
    return Outcome(found, "\n".join([text, *findings]), ExitCode.CORRUPT if findings else ExitCode.OK)


def routed(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Change how a model's requests are shared out; every scorer follows within two seconds."""
    from deploy.model_desk import ModelDesk
    from deploy.shares import parse_share
    from features.errors import RequestError

    name, spec = call.domain.model(options.get("model"))
    shares = {arm: parse_share(f"--{arm}", options[arm]) for arm in ("challenger", "shadow") if arm in options}
    by = None
    if "by" in options:
        by = [] if options["by"] == "all" else sorted(filter(None, map(str.strip, options["by"].split(","))))
        known = {key.name for view in call.serving_plan.views_of_service(spec.service) for key in view.keys}
        if not known.issuperset(by):
            raise RequestError("--by", f"{', '.join(by)} are not all join keys", f"they are {', '.join(sorted(known))}")
    standing = ModelDesk(call).arms().route(name, **shares, by=by, reshuffle=options.get("reshuffle", False))
    return stood(call, standing)


def retired(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Leave challenger or shadow without a version."""
    from deploy.model_desk import ModelDesk
    from features.errors import RequestError
    from features.routing import arm_of

    if "arm" not in options:
        raise RequestError("--arm", "is missing", "say challenger or shadow")
    name, _ = call.domain.model(options.get("model"))
    return stood(call, ModelDesk(call).arms().retire(name, arm_of(options["arm"])))


def compared(call: Invocation, options: Mapping[str, Any]) -> Outcome:
    """Hold the arms of a model against the outcomes of its scores."""
    import msgspec

    from deploy.instants import parse_instant, to_us
    from deploy.model_desk import ModelDesk
    from features.durations import parse_duration_us
    from features.errors import RequestError
    from features.lake import open_site_lake
    from features.plan_shelf import functions_of
    from offline_training.comparison import Scope, compare

    name, spec = call.domain.model(options.get("model"))
    try:
        within_us = parse_duration_us(options["within"]) if "within" in options else spec.horizon_us
    except ValueError as error:
        raise RequestError("--within", str(error), "write a whole number and a unit, as 30d") from error
    scope = Scope(
        within_us=within_us,
        since_us=to_us(parse_instant("--since", options["since"])) if "since" in options else 0,
        by=ModelDesk(call).registry.standing(name).routing.by,
    )
    plan = call.serving_plan
    lake = open_site_lake(call.settings, call.project)
    report = compare(lake, plan, call.domain, name, functions_of(plan, call.state_dir), scope)
    return Outcome(msgspec.to_builtins(report), "\n".join(report.lines()))


def stood(call: Invocation, standing: Standing, arm: str | None = None) -> Outcome:
    """Who serves after a change; once a running scorer serves it, where the version of an arm has changed."""
    import msgspec

    from deploy.served import wait_until_served
    from deploy.stack_file import is_supervised
    from features.routing import arm_of

    if arm is not None and is_supervised(call.state_dir):
        changed = arm_of(arm)
        wait_until_served(call.settings.scorer, standing.model, standing.arms[changed], changed)
    return Outcome(msgspec.to_builtins(standing), "\n".join(standing.lines()))


ACTIONS = {
    "list": listed,
    "approve": approved,
    "reject": rejected,
    "audit": audited,
    "route": routed,
    "retire": retired,
    "compare": compared,
}
"""What carries each of them out, but for the process."""
