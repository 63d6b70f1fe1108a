"""What the exit code of a verb means: the one table from error families to codes."""

from __future__ import annotations

from enum import IntEnum

from features.errors import BadInputError, CorruptError, MillstreamError, UnavailableError


class ExitCode(IntEnum):
    """Exit codes of every verb."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    UNAVAILABLE = 3
    CORRUPT = 4
    TARGET_MISSED = 5
    INTERNAL = 70
    INTERRUPTED = 130


MEANINGS: dict[ExitCode, str] = {
    ExitCode.OK: "done, and what was asked for holds",
    ExitCode.FAILED: "the work was done and its answer is no: a mismatch, a missed bar or gate, something not healthy",
    ExitCode.BAD_INPUT: "what was asked for is wrong: an option, a setting, a declaration or a request",
    ExitCode.UNAVAILABLE: "a neighbour (broker, store, registry, scorer) does not answer; may be tried again",
    ExitCode.CORRUPT: "an artefact of ours is wrong: state, lake, bundle, or two sides of different plans",
    ExitCode.TARGET_MISSED: "the model was trained and serves, but misses a target that the domain states",
    ExitCode.INTERNAL: "a defect of Millstream; MILLSTREAM_LOG__LEVEL=debug shows the traceback",
    ExitCode.INTERRUPTED: "interrupted by the user",
}

FAMILIES: tuple[tuple[type[MillstreamError], ExitCode], ...] = (
    (BadInputError, ExitCode.BAD_INPUT),
    (UnavailableError, ExitCode.UNAVAILABLE),
    (CorruptError, ExitCode.CORRUPT),
)


class StepFailedError(Exception):
    """A step that ran as a process of its own and ended with this exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = ExitCode(code) if code in set(ExitCode) else ExitCode.INTERNAL


def exit_code_of(error: BaseException) -> ExitCode:
    """The code for an error that ended a verb."""
    if isinstance(error, KeyboardInterrupt):
        return ExitCode.INTERRUPTED
    if isinstance(error, StepFailedError):
        return error.code
    for family, code in FAMILIES:
        if isinstance(error, family):
            return code
    return ExitCode.INTERNAL
