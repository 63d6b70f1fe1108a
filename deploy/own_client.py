"""The scorer's client of the commands, as the settings have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from grpc_api.client import Client
from grpc_api.client_types import Tls

if TYPE_CHECKING:
    from pydantic import SecretStr

    from features.settings import Settings


def open_client(settings: Settings) -> Client:
    """A client of the domain's scorer; CallRefusedError where a file that is named cannot be read."""
    scorer, caller = settings.scorer, settings.caller
    tls = Tls(caller.authorities, caller.certificate, caller.key, caller.server_name)
    is_encrypted = scorer.tls.certificate is not None or caller.authorities is not None
    return Client(
        f"{scorer.host}:{scorer.port}",
        tls=tls if is_encrypted else None,
        api_key=_opened(caller.api_key),
        token=_opened(caller.token),
    )


def _opened(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
