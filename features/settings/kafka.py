"""Settings of the broker."""

from __future__ import annotations

from pydantic import Field

from features.settings.part import Part


class KafkaSettings(Part):
    """Where the broker is, and how topics that the stack creates are laid out."""

    bootstrap_servers: str = Field(
        default="127.0.0.1:9092", description="Addresses of the Kafka brokers, host:port, separated by commas."
    )
    partitions: int = Field(default=4, ge=1, description="Partitions of the topics that `millstream up` creates.")
