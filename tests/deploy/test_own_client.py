"""Commands as callers of a scorer that lets nobody in who does not prove who it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from deploy.own_client import open_client
from features.settings import AuthSettings, CallerSettings, ScorerSettings, Settings, TlsSettings
from grpc_api.access.api_keys import new_key
from millstream import NotAllowedError
from tests.grpc_api.shop import open_shop, publish
from tests.redis_servers import Authority


def test_commands_show_what_the_scorer_asks_for(tmp_path: Path) -> None:
    """Certificate and key of the settings; with another key they are told that it is not in force."""
    authority = Authority(tmp_path)
    (certificate, key), own = authority.issue("server"), authority.issue("ops")
    api_key, line = new_key("ops", ["score"])
    (tmp_path / "keys").write_text(line)
    publish(tmp_path / "models", "1")
    serving = ScorerSettings(
        port=0,
        rest=False,
        tls=TlsSettings(certificate=certificate, key=key, client_ca=authority.ca_file),
        auth=AuthSettings(api_keys=tmp_path / "keys"),
    )
    with open_shop(tmp_path / "models", settings=serving) as (shop, _):

        def settings(key: str) -> Settings:
            caller = CallerSettings(
                api_key=SecretStr(key), authorities=authority.ca_file, certificate=own[0], key=own[1]
            )
            return Settings(scorer=serving.model_copy(update={"port": shop.scorer.port}), caller=caller)

        with open_client(settings(api_key)) as client:
            assert client.score({"buyer": "ann"}).version == "1"
        with open_client(settings("ops.another")) as client, pytest.raises(NotAllowedError):
            client.score({"buyer": "ann"})


def test_a_certificate_without_its_key_is_a_wrong_setting() -> None:
    """And the other way round."""
    with pytest.raises(ValidationError, match="come together"):
        CallerSettings(certificate=Path("ops.pem"))
