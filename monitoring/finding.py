"""What one test says of one quantity."""

from __future__ import annotations

from typing import NamedTuple

from monitoring.drift_report import Kind


class Finding(NamedTuple):
    """Result of one test in one window, alarm or not.

    Parameters
    ----------
    feature
        ``view:feature``, or ``score``.
    kind, effect_size, statistic, p_value
        As in `monitoring.drift_report.Alarm`.
    significant
        Whether chance is ruled out, the number of tests considered.

    Examples
    --------
    >>> tiny = Finding("v:a", "distribution", effect_size=0.02, statistic=0.02, p_value=1e-9, significant=True)
    >>> tiny.alarms(min_effect=0.1)
    False

    """

    feature: str
    kind: Kind
    effect_size: float
    statistic: float
    p_value: float | None
    significant: bool

    def alarms(self, min_effect: float) -> bool:
        """Whether it is worth a person's attention: not chance, and large enough to matter.

        Parameters
        ----------
        min_effect
            Least effect size.

        Returns
        -------
        bool
            Both significance and size: with enough records any difference is significant.

        """
        return self.significant and self.effect_size >= min_effect
