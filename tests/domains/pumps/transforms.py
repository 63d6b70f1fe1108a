"""Request-time features of a pump: what the plan for the next day asks of its condition."""

from __future__ import annotations


def vibration_at_planned_load(vibration_mean_6h: float | None, planned_load_percent: float | None) -> float | None:
    """Vibration to be expected: it grows with the load."""
    if vibration_mean_6h is None or planned_load_percent is None:
        return None
    return vibration_mean_6h * planned_load_percent / 100.0


def vibration_trend(vibration_mean_6h: float | None, vibration_mean_3d: float | None) -> float | None:
    """Vibration of the last hours as a multiple of that of the last days."""
    if vibration_mean_6h is None or not vibration_mean_3d:
        return None
    return vibration_mean_6h / vibration_mean_3d
