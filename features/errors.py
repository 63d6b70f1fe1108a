"""The errors of the whole engine, in three families by what the reader of one can do about it.

::

    MillstreamError
    ├── BadInputError          the caller's fault: never retried, says what, where and what to do
    │   ├── SettingsError      a setting is misspelt, out of range or missing
    │   ├── DomainError        a domain folder declares something that the engine refuses
    │   └── RequestError       a request names something that does not exist or has the wrong type
    ├── UnavailableError       a neighbour is down: may be retried
    │   ├── StoreUnavailableError
    │   ├── BrokerUnavailableError
    │   ├── RegistryUnavailableError
    │   ├── ErasureMissedError  the store was told of an erasure that this writer does not know yet
    │   └── NotServingError    this process is up but cannot answer yet (no model, no birth)
    └── CorruptError           an artefact of ours is wrong: page someone
        ├── StateCorruptError
        ├── LakeCorruptError
        ├── BundleCorruptError
        ├── NotApprovedError   a version was to serve that nobody has approved, or that its checks do not let through
        ├── LogNotAdoptedError a topic was made anew: its log must be adopted before it is read
        ├── BirthMissingError  a store shard does not carry the certificate of the view that is written
        └── PlanMismatchError  two sides were built from different declarations

Errors carry facts as attributes and build their own message; they know neither HTTP nor gRPC.
"""

from __future__ import annotations

from typing import Any


class MillstreamError(Exception):
    """Every error that the engine raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Keep message and facts on the way to another process, whatever the constructor takes."""
        return _remade, (type(self), self.args), self.__dict__


def _remade(kind: type[MillstreamError], args: tuple[Any, ...]) -> MillstreamError:
    return kind.__new__(kind, *args)


class BadInputError(MillstreamError):
    """What was asked for is wrong; asking again will not help."""


class SettingsError(BadInputError):
    """A setting that cannot be used."""

    def __init__(self, name: str, problem: str, remedy: str) -> None:
        super().__init__(f"setting {name}: {problem}; {remedy}")
        self.name = name
        self.problem = problem
        self.remedy = remedy


class DomainError(BadInputError):
    """A declaration in a domain folder that the engine refuses."""

    def __init__(self, where: str, problem: str, remedy: str) -> None:
        super().__init__(f"{where}: {problem}; {remedy}")
        self.where = where
        self.problem = problem
        self.remedy = remedy


class RequestError(BadInputError):
    """A request that cannot be answered as it stands."""

    def __init__(self, field: str, problem: str, remedy: str) -> None:
        super().__init__(f"{field}: {problem}; {remedy}")
        self.field = field
        self.problem = problem
        self.remedy = remedy


class UnavailableError(MillstreamError):
    """A neighbour does not answer; the same call may succeed later."""

    def __init__(self, neighbour: str, problem: str) -> None:
        super().__init__(f"{neighbour}: {problem}")
        self.neighbour = neighbour
        self.problem = problem


class StoreUnavailableError(UnavailableError):
    """The online store does not answer, or its connection was lost."""


class BrokerUnavailableError(UnavailableError):
    """The Kafka broker does not answer."""


class RegistryUnavailableError(UnavailableError):
    """The model registry does not answer."""


class ErasureMissedError(UnavailableError):
    """The store was told to forget an entity that this writer may still write: read the erasures, then begin anew."""


class NotServingError(UnavailableError):
    """The process is alive but has nothing to answer with yet."""


class CorruptError(MillstreamError):
    """An artefact of ours is not what it must be."""

    def __init__(self, artefact: str, problem: str) -> None:
        super().__init__(f"{artefact}: {problem}")
        self.artefact = artefact
        self.problem = problem


class StateCorruptError(CorruptError):
    """A stored feature state that does not decode."""


class LakeCorruptError(CorruptError):
    """A lake file, or a gap between files, that breaks the record of what was read."""


class BundleCorruptError(CorruptError):
    """A model bundle whose digest, form or golden rows do not hold."""


class NotApprovedError(CorruptError):
    """A version of a model that may not serve: nobody has approved it, or its bundle does not pass the checks."""


class BirthMissingError(CorruptError):
    """A store shard without the certificate of the view, so it is neither written nor read."""


class LogNotAdoptedError(CorruptError):
    """A topic whose log (topic id) the store was never told of: reading it might skip or repeat events."""

    def __init__(self, topic: str, log: str) -> None:
        super().__init__(
            f"topic {topic}", f"is log {log}, which was never adopted; run `millstream adopt {topic} --from beginning`"
        )
        self.topic = topic
        self.log = log


class PlanMismatchError(CorruptError):
    """An artefact made from other declarations than the plan at hand."""

    def __init__(self, artefact: str, theirs: str, ours: str, older: str) -> None:
        super().__init__(artefact, f"made for {theirs}, the plan says {ours}; the older side is {older}")
        self.theirs = theirs
        self.ours = ours
        self.older = older
