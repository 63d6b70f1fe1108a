"""What a validation found, and whether training may go on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import get_args

import msgspec

from features.model_file import Check, Waiver
from offline_training.validation.suite import SUITE

CHECKS: tuple[Check, ...] = get_args(Check)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that does not hold.

    ``column`` is None where it is about the rows as such; ``waived`` is the reason that ``model.yaml`` gives for going
    on all the same.
    """

    check: Check
    column: str | None
    detail: str
    waived: str | None = None

    def line(self) -> str:
        """For a reader."""
        return f"{self.check}: {self.detail}" if self.column is None else f"{self.check}: {self.column} {self.detail}"


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """One validation; ``suite_file`` is None where the suite was inferred from the very set that it judged.

    ``passed_over`` says which checks could not be made, and why; ``notes`` are worth a look and stop nothing.
    """

    model: str
    suite_file: str | None
    suite_version: int
    rows: int
    columns: int
    first_at: datetime | None
    last_at: datetime | None
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]
    passed_over: dict[Check, str]
    unneeded_waivers: tuple[Waiver, ...]

    @property
    def failures(self) -> list[Finding]:
        """What nobody waived."""
        return [finding for finding in self.findings if finding.waived is None]

    @property
    def waived(self) -> list[Finding]:
        """What was waived by name."""
        return [finding for finding in self.findings if finding.waived is not None]

    @property
    def passed(self) -> bool:
        """Whether training may go on."""
        return not self.failures

    def line(self) -> str:
        """For a reader."""
        held_to = f"version {self.suite_version} of {SUITE}" if self.suite_file else f"{SUITE} as inferred from itself"
        waived = f", {len(self.waived)} waived" if self.waived else ""
        return f"training set held to {held_to}: {'passed' if self.passed else 'failed'}{waived}"

    def of(self, check: Check) -> list[Finding]:
        """What one check found."""
        return [finding for finding in self.findings if finding.check == check]


def waive(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> tuple[tuple[Finding, ...], tuple[Waiver, ...]]:
    """The findings with the reasons of those that are waived, and the waivers that waived nothing."""
    used: set[int] = set()

    def judged(finding: Finding) -> Finding:
        for number, waiver in enumerate(waivers):
            if waiver.check == finding.check and waiver.column in {None, finding.column}:
                used.add(number)
                return msgspec.structs.replace(finding, waived=waiver.reason)
        return finding

    found = tuple(judged(finding) for finding in findings)
    return found, tuple(waiver for number, waiver in enumerate(waivers) if number not in used)
