"""Settings of the schema registry."""

from __future__ import annotations

from pydantic import Field, SecretStr

from features.settings.part import Part


class SchemaRegistrySettings(Part):
    """Where the schema registry is, for topics whose records name their schema (``wire: confluent``)."""

    url: str | None = Field(
        default=None,
        pattern="^https?://",
        description="Address of the schema registry, http or https; none by default.",
    )
    username: str | None = Field(default=None, description="User name, or API key, that it is asked with.")
    password: SecretStr | None = Field(default=None, description="The password, or API secret, to it.")
    timeout_s: float = Field(default=5.0, gt=0, description="How long a call to it may take.")
