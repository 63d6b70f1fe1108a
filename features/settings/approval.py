"""Settings of who publishes and approves models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from features.settings.part import Part


class ApprovalSettings(Part):
    """Who you are where a version is published or approved, and who is told of it."""

    key: Path | None = Field(
        default=None,
        description="File of your private key, as `millstream signer` makes it: signs what you train, approve, reject.",
    )
    webhook: SecretStr | None = Field(
        default=None,
        description="Address that is told when a version waits for review or is decided on, in Slack's shape; none: "
        "nobody is told.",
    )
    webhook_timeout_s: float = Field(default=5.0, gt=0, description="How long it may take; then it is left.")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse what is no address on the web."""
        if self.webhook is not None and not re.match("https?://", self.webhook.get_secret_value()):
            raise ValueError("the webhook begins with neither https:// nor http://")
        return self
