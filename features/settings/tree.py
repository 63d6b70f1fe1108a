"""The whole tree, and the sources that it is read from."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field
from pydantic_settings import (
    BaseSettings,
    NestedSecretsSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from features.errors import SettingsError
from features.settings.approval import ApprovalSettings
from features.settings.caller import CallerSettings
from features.settings.dask import DaskSettings
from features.settings.kafka import KafkaSettings
from features.settings.lake import LakeSettings
from features.settings.log import LogSettings
from features.settings.monitor import MonitorSettings
from features.settings.registry import RegistrySettings
from features.settings.schema_registry import SchemaRegistrySettings
from features.settings.scorer import ScorerSettings
from features.settings.store import StoreSettings
from features.settings.tracing import TracingSettings
from features.settings.worker import WorkerSettings

PREFIX = "MILLSTREAM_"
SECRETS = f"{PREFIX}SECRETS"


class SecretFiles(NestedSecretsSettingsSource):
    """The files that are named like settings; those beside them are of other programs, and links lead where they do."""

    @classmethod
    def load_secrets(cls, path: Path) -> dict[str, str]:
        """What each holds; SettingsError where that cannot be read."""
        return {file.name: _read(file) for file in path.glob(f"{PREFIX}*")}


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SettingsError(
            file.name, f"{file} cannot be read ({error.strerror})", "let this process read it"
        ) from None
    except UnicodeDecodeError:  # its text shows what stands there
        raise SettingsError(file.name, f"{file} holds no UTF-8", "write the value as text") from None


class Settings(BaseSettings):
    """Everything that may be set."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
    )

    repo: Path = Field(default=Path("feature_repo"), description="The domain folder.")
    secrets: Path | None = Field(
        default=None,
        description="Folder of files that are named like settings and hold their values, such as mounted secrets.",
    )
    var: Path = Field(default=Path("var"), description="Folder of all state; each domain has its own folder in it.")
    kafka: KafkaSettings = KafkaSettings()
    store: StoreSettings = StoreSettings()
    lake: LakeSettings = LakeSettings()
    registry: RegistrySettings = RegistrySettings()
    approval: ApprovalSettings = ApprovalSettings()
    schema_registry: SchemaRegistrySettings = SchemaRegistrySettings()
    worker: WorkerSettings = WorkerSettings()
    scorer: ScorerSettings = ScorerSettings()
    caller: CallerSettings = CallerSettings()
    monitor: MonitorSettings = MonitorSettings()
    dask: DaskSettings = DaskSettings()
    tracing: TracingSettings = TracingSettings()
    log: LogSettings = LogSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - pydantic's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - pydantic's signature
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment, then secret files, before the stack's addresses, which are passed as init values."""
        files = SecretFiles(
            file_secret_settings,
            secrets_dir=os.environ.get(SECRETS),
            secrets_dir_missing="error",
            secrets_nested_delimiter="__",
        )
        return env_settings, files, init_settings

    def state_dir(self, project: str) -> Path:
        """Folder of one domain's disposable state: plan, lake, store dump, registry, models, logs."""
        return self.var / project

    def lake_url(self, project: str) -> str:
        """Where the lake of one domain is."""
        return self.lake.url or str(self.state_dir(project) / "lake")
