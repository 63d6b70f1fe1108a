"""Settings of commands that call the scorer."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, model_validator

from features.settings.part import Part


class CallerSettings(Part):
    """What `millstream score`, `features` and `demo` show the scorer, and trust it by.

    They speak TLS where the scorer's settings have a certificate, or these name authorities.
    """

    api_key: SecretStr | None = Field(default=None, description="API key that they send; none by default.")
    token: SecretStr | None = Field(default=None, description="Token (JWT) that they send; none by default.")
    authorities: Path | None = Field(
        default=None,
        description="PEM file of the authorities that the scorer's certificate is trusted by; none: those of grpcio.",
    )
    certificate: Path | None = Field(
        default=None, description="PEM file of their own certificate, where the scorer asks for one (mTLS)."
    )
    key: Path | None = Field(default=None, description="PEM file of that certificate's key, not encrypted.")
    server_name: str | None = Field(
        default=None,
        description="Name that the scorer's certificate must bear; none: the host of its address.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse what contradicts itself."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        return self
