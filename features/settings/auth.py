"""Settings of who may call."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from features.settings.part import Part


class AuthSettings(Part):
    """Who may call the scorer. With neither API keys nor tokens everybody may call everything."""

    api_keys: Path | None = Field(
        default=None, description="File of API keys, hashed, as `millstream key` writes it; followed while running."
    )
    jwt_key: Path | None = Field(
        default=None,
        description="File of what tokens (JWT) are proven by, a PEM public key, a JWKS, or a shared secret; followed.",
    )
    jwt_algorithm: Literal["RS256", "ES256", "HS256"] = Field(
        default="RS256", description="The one algorithm that tokens may be signed by."
    )
    jwt_issuer: str | None = Field(default=None, description="Who must have issued a token (`iss`).")
    jwt_audience: str | None = Field(default=None, description="Whom a token must be meant for (`aud`).")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Refuse tokens that anybody's issuer could have made for anybody."""
        if self.jwt_key is not None and (self.jwt_issuer is None or self.jwt_audience is None):
            raise ValueError("jwt_key needs jwt_issuer and jwt_audience")
        return self

    @property
    def required(self) -> bool:
        """Whether callers must prove who they are."""
        return self.api_keys is not None or self.jwt_key is not None
