"""An entity and request fields as they are named on a command line: ``--<key> <value> --<field> <value>``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from deploy.instants import parse_instant, to_us
from features.errors import RequestError
from features.nouns import KeyValue
from features.plan import Plan

TRUTH = {"true": True, "false": False}


class Question(NamedTuple):
    """Whom to score, and what the caller knows about it."""

    entity: Mapping[str, KeyValue]
    request: Mapping[str, KeyValue | float | bool | None]


def read_question(arguments: Sequence[str], plan: Plan, service: str) -> Question:
    """Pair the options with the join keys and request fields of a service; RequestError for what is neither."""
    keys = {key.name: str(key.type) for view in plan.views_of_service(service) for key in view.keys}
    asked = {ref.feature for ref in plan.service(service).features if ref.kind == "request"}
    fields = {
        parameter.name: str(parameter.type)
        for feature in plan.request_features
        if feature.name in asked
        for parameter in feature.parameters
        if parameter.view is None
    }
    entity: dict[str, KeyValue] = {}
    request: dict[str, KeyValue | float | bool | None] = {}
    for option, text in pair_up(arguments):
        name = resolve(option, [*keys, *fields])
        if name in keys:
            entity[name] = text if keys[name] == "string" else to_integer(name, text, keys[name])
        else:
            request[name] = to_scalar(name, text, fields[name])
    missing = [name for name in keys if name not in entity]
    if missing:
        wanted = " ".join(f"--{short(name)} …" for name in keys)
        raise RequestError(missing[0], "is a key of the entity and is not given", f"say {wanted}")
    return Question(entity, request)


def pair_up(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """``--name value`` and ``--name=value`` as pairs."""
    pairs: list[tuple[str, str]] = []
    rest = list(arguments)
    while rest:
        option, equals, value = rest.pop(0).partition("=")
        if not option.startswith("--") or not (equals or rest):
            raise RequestError(option, "is not understood", "name keys and fields as --name value")
        pairs.append((option[2:].replace("-", "_"), value if equals else rest.pop(0)))
    return pairs


def resolve(option: str, names: Sequence[str]) -> str:
    """The key or field that an option names, in full or without its ``_id``."""
    found = [name for name in names if option in {name, short(name)}]
    if len(found) != 1:
        raise RequestError(f"--{option}", "names no key and no request field", f"there are {', '.join(names)}")
    return found[0]


def short(name: str) -> str:
    """A key as people say it."""
    return name.removesuffix("_id")


def to_integer(name: str, text: str, kind: str) -> int:
    """A key's value, where its declared type is an integer's."""
    try:
        return int(text)
    except ValueError:
        raise RequestError(f"--{name}", f"{text!r:.60} is no {kind}", f"give a {kind}") from None


def to_scalar(name: str, text: str, kind: str) -> KeyValue | float | bool:
    """A request field's value in its declared type."""
    try:
        if kind == "bool":
            return TRUTH[text.lower()]
        if kind.startswith("int"):
            return to_integer(name, text, kind)
        if kind == "timestamp":
            return to_us(parse_instant(f"--{name}", text))
        return float(text) if kind.startswith("float") else text
    except (KeyError, ValueError):
        raise RequestError(f"--{name}", f"{text!r:.60} is no {kind}", f"give a {kind}") from None
