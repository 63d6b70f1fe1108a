"""What a model card says of the data's validation."""

from __future__ import annotations

from offline_training.validation.finding import Verdict


def quality_part(verdict: Verdict) -> str:
    """Markdown."""
    lines = [f"{verdict.line().capitalize()}."]
    if verdict.waived:
        lines.append("Waived by name, with the reason that `model.yaml` gives:")
        lines.append("\n".join(f"- {finding.line()}. Reason: {finding.waived}" for finding in verdict.waived))
    lines += [f"Not checked: `{check}` ({why})." for check, why in verdict.passed_over.items()]
    return "\n\n".join(lines)
