"""Certificate and progress as they stand in a shard's two hashes, and what many shards say together.

A certificate hash has ``view:<view>:<birth>`` → JSON `Birth`, ``log:<topic>:<log>`` → JSON `AdoptedLog`,
``dropped:<view>:<birth>`` → the birth that was withdrawn, until its fields are swept, ``erasure:<id>`` → JSON
`Erasure`, ``erasures`` → how many of these there are, and ``ttl`` → after how many seconds without a write an entity
expires, 0: never; a progress hash has ``<birth>:<log>:<partition>`` → next
offset in decimal. Each birth is named a second time, in a hash among its entities: its witness.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import TypeVar

import msgspec

from features.erasure import Erasure
from features.errors import StateCorruptError
from features.store import AdoptedLog, Birth, Certificate, ProgressKey

Key = TypeVar("Key", bound=Hashable)


def birth_field(view: str, birth: str) -> bytes:
    """Certificate field of a birth."""
    return f"view:{view}:{birth}".encode()


def dropped_field(view: str, birth: str) -> bytes:
    """Certificate field of a birth that was withdrawn and is to be swept."""
    return f"dropped:{view}:{birth}".encode()


def log_field(topic: str, log: str) -> bytes:
    """Certificate field of an adopted log."""
    return f"log:{topic}:{log}".encode()


def erasure_field(erasure: Erasure) -> bytes:
    """Certificate field of an erasure. How many there are stands beside them, under ``erasures``."""
    return f"erasure:{erasure.id}".encode()


def ends_of(erasure: Erasure) -> dict[bytes, int]:
    """Where an erased entity's events count again, by the part of a progress field that names log and partition."""
    return {
        f"{log}:{partition}".encode(): end
        for logs in erasure.ends.values()
        for log, partitions in logs.items()
        for partition, end in partitions.items()
    }


def mark_field(mark: ProgressKey) -> bytes:
    """Progress field of one partition under one birth."""
    birth, log, partition = mark
    return f"{birth}:{log}:{partition}".encode()


def to_certificate(fields: Mapping[bytes, bytes]) -> Certificate:
    """The certificate in one shard's hash.

    Parameters
    ----------
    fields
        The whole hash.

    Returns
    -------
    Certificate
        Births, logs and erasures in order of their fields; fields of other kinds are left to newer versions.

    Raises
    ------
    StateCorruptError
        When a record does not decode.

    """
    births: list[Birth] = []
    logs: list[AdoptedLog] = []
    dropped: list[Birth] = []
    erasures: list[Erasure] = []
    for field, record in sorted(fields.items()):
        try:
            if field.startswith(b"view:"):
                births.append(msgspec.json.decode(record, type=Birth))
            elif field.startswith(b"log:"):
                logs.append(msgspec.json.decode(record, type=AdoptedLog))
            elif field.startswith(b"dropped:"):
                dropped.append(msgspec.json.decode(record, type=Birth))
            elif field.startswith(b"erasure:"):
                erasures.append(msgspec.json.decode(record, type=Erasure))
        except msgspec.MsgspecError as error:
            raise StateCorruptError(f"certificate field {field!r}", str(error)) from error
    return Certificate(births=tuple(births), logs=tuple(logs), dropped=tuple(dropped), erasures=tuple(erasures))


def witnessed(certificate: Certificate, fields: Collection[bytes]) -> Certificate:
    """What of a shard's certificate stands: the births whose own field is among those of the witness hashes.

    Feast knows nothing of certificates. Where it deletes all entities of some join keys (``feast teardown``) the
    witness goes with them, lest the store pass for one of new customers.
    """
    births = tuple(birth for birth in certificate.births if birth_field(birth.view, birth.id) in fields)
    return msgspec.structs.replace(certificate, births=births)


def to_progress(fields: Mapping[bytes, bytes]) -> dict[ProgressKey, int]:
    """The marks in one shard's hash.

    Parameters
    ----------
    fields
        The whole hash.

    Returns
    -------
    dict
        Next offset of each (birth, log, partition).

    Raises
    ------
    StateCorruptError
        When a field is not a mark.

    """
    marks: dict[ProgressKey, int] = {}
    for field, offset in fields.items():
        try:
            birth, log, partition = field.decode().split(":")
            marks[birth, log, int(partition)] = int(offset)
        except ValueError as error:
            raise StateCorruptError(f"progress field {field!r}", str(error)) from error
    return marks


def common_certificate(shards: Sequence[Certificate]) -> Certificate:
    """What every shard carries: where they differ, the earlier start, and serving only if all serve.

    Parameters
    ----------
    shards
        One certificate a shard, at least one.

    Returns
    -------
    Certificate
        Births and logs that stand on all shards, and births that any of them has dropped.

    """
    erasures = [{erasure.id: erasure for erasure in shard.erasures} for shard in shards]
    births = [{(birth.view, birth.id): birth for birth in shard.births} for shard in shards]
    logs = [{(log.topic, log.log): log for log in shard.logs} for shard in shards]
    dropped = {(birth.view, birth.id): birth for shard in shards for birth in shard.dropped}
    return Certificate(
        births=tuple(_least_birth([shard[key] for shard in births]) for key in _common(births)),
        logs=tuple(_least_log([shard[key] for shard in logs]) for key in _common(logs)),
        dropped=tuple(dropped.values()),
        erasures=tuple(min((shard[key] for shard in erasures), key=_n_ends) for key in _common(erasures)),
    )


def least_progress(shards: Sequence[Mapping[ProgressKey, int]]) -> dict[ProgressKey, int]:
    """Least mark over the shards; one that some shard lacks is left out.

    Parameters
    ----------
    shards
        The marks of each shard, at least one.

    Returns
    -------
    dict
        Next offset of each (birth, log, partition).

    Examples
    --------
    >>> least_progress([{("b", "log", 0): 7, ("b", "log", 1): 3}, {("b", "log", 0): 5}])
    {('b', 'log', 0): 5}

    """
    return {mark: min(shard[mark] for shard in shards) for mark in _common(shards)}


def _common(shards: Sequence[Mapping[Key, object]]) -> list[Key]:
    """Keys that all have, in the order of the first."""
    first, *others = shards
    return [key for key in first if all(key in other for other in others)]


def _least_birth(versions: Sequence[Birth]) -> Birth:
    """One birth as the most cautious of the shards has it."""
    cuts = [version.cut for version in versions]
    cut = {log: _least_offsets([shard[log] for shard in cuts]) for log in _common(cuts)}
    return msgspec.structs.replace(versions[0], cut=cut, serving=all(version.serving for version in versions))


def _n_ends(erasure: Erasure) -> int:
    """How much a shard knows of an erasure."""
    return len(erasure.ends)


def _least_log(versions: Sequence[AdoptedLog]) -> AdoptedLog:
    """One adopted log as the most cautious of the shards has it."""
    return msgspec.structs.replace(versions[0], start=_least_offsets([version.start for version in versions]))


def _least_offsets(shards: Sequence[Mapping[int, int]]) -> dict[int, int]:
    """Least offset of each partition that all name."""
    return {partition: min(shard[partition] for shard in shards) for partition in _common(shards)}
