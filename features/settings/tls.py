"""Settings of TLS."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from features.settings.part import Part


class TlsSettings(Part):
    """TLS of the scorer's port. Without a certificate it is plain."""

    certificate: Path | None = Field(
        default=None, description="PEM file of the scorer's certificate, followed by those that it leads to."
    )
    key: Path | None = Field(default=None, description="PEM file of that certificate's key, not encrypted.")
    client_ca: Path | None = Field(
        default=None,
        description="PEM file of the authorities whose certificates callers must show (mTLS); none: they show none.",
    )

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse what contradicts itself."""
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key come together")
        if self.client_ca is not None and self.certificate is None:
            raise ValueError("client_ca needs a certificate: without TLS nobody shows one")
        return self
