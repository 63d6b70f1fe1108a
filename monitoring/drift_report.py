"""The drift report: what was watched, and what is no longer as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from features.nouns import Struct
from features.whole_file import replace_file

Kind: TypeAlias = Literal["distribution", "mean", "spread", "nulls"]
"""Which quantity of a feature moved: all of it (KS), its mean or spread (ADWIN), its null rate."""


class Span(Struct, frozen=True, kw_only=True):
    """The window of records that an alarm stands for.

    Parameters
    ----------
    index
        Number of the window, from 0, of this model version in this process.
    rows
        Records in the sample that was tested; ``seen`` records passed through.
    first_as_of_us, last_as_of_us
        Least and greatest ``as_of`` among them, microseconds since 1970 UTC.

    """

    index: int
    rows: int
    seen: int
    first_as_of_us: int
    last_as_of_us: int


class Alarm(Struct, frozen=True, kw_only=True):
    """One thing about one feature that is significantly and visibly other than it was in training.

    Parameters
    ----------
    feature
        ``view:feature``, or ``score``.
    effect_size
        By kind: KS distance D; shift in σ (mean, spread); Cohen's h (nulls). At least ``monitor.min_effect``.
    statistic
        By kind: D; shift with its sign; difference of the null rates with its sign.
    p_value
        Corrected for the number of tests of the window (Benjamini–Hochberg); None for ADWIN, whose significance is
        fixed beforehand.
    mean_shift
        Mean of the window minus that of the reference, in σ of the reference; None where either is all null.

    """

    model: str
    version: str
    feature: str
    kind: Kind
    effect_size: float
    statistic: float
    p_value: float | None
    mean_shift: float | None
    window: Span


class DriftReport(Struct, frozen=True, kw_only=True):
    """What the watcher has seen since it started.

    Parameters
    ----------
    records
        Score records read; ``skipped`` counts, by reason, those among them that could not be watched.
    watched
        Features and scores that were watched, over all model versions.
    windows
        Windows tested.
    alarms
        The latest alarm of each model version, feature and kind.
    pages
        Paths of the HTML pages, one a model version.

    """

    format: Literal[1] = 1
    written_at_us: int
    records: int
    skipped: dict[str, int]
    watched: int
    windows: int
    alarms: tuple[Alarm, ...]
    pages: tuple[str, ...] = ()

    def strongest(self) -> tuple[Alarm, ...]:
        """One alarm a feature, for a short account.

        Returns
        -------
        tuple of Alarm
            By falling effect size. Where a feature has alarms of many kinds, that of its distribution is taken before
            the others, which measure on other scales.

        """
        chosen: dict[str, Alarm] = {}
        for alarm in sorted(self.alarms, key=lambda a: (a.kind != "distribution", -a.effect_size)):
            chosen.setdefault(alarm.feature, alarm)
        return tuple(sorted(chosen.values(), key=lambda a: -a.effect_size))


def save_report(report: DriftReport, path: Path) -> None:
    """Write the report as readable JSON, atomically.

    Parameters
    ----------
    report
        What to write.
    path
        File to replace; its folder is made.

    """
    replace_file(path, msgspec.json.format(msgspec.json.encode(report), indent=1))
