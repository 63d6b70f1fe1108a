"""Which names of the environment are settings, and where secrets stand."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from deploy.logs import configure_logs
from deploy.worker_process import environment
from features.errors import SettingsError
from features.settings import LogSettings, load_settings, refuse_unknown_names

SECRETS = (
    "STORE__PASSWORD",
    "STORE__SENTINEL_PASSWORD",
    "SCHEMA_REGISTRY__PASSWORD",
    "LAKE__ERASURE_KEY",
    "CALLER__API_KEY",
)


@pytest.mark.parametrize("name", ["MILLSTREAM_STORE__PROT", "millstream_store__prot", "MILLSTREAM_KAFKA"])
def test_a_name_that_sets_nothing_is_refused(name: str) -> None:
    """In any case of letters, for pydantic reads them in any; what it does not know it drops in silence."""
    with pytest.raises(SettingsError, match="there is no such setting"):
        refuse_unknown_names({name: "1"})


def test_settings_and_strangers_are_let_through() -> None:
    """Names of other programs are none of our business."""
    refuse_unknown_names({"MILLSTREAM_STORE__PORT": "1", "millstream_repo": ".", "MILL": "1", "PATH": "/"})


@pytest.fixture
def mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of secrets, laid out as Kubernetes mounts one."""
    folder, data = tmp_path / "secrets", tmp_path / "secrets" / "..data"
    data.mkdir(parents=True)
    for name in SECRETS:
        (data / f"MILLSTREAM_{name}").write_text(f"sesame {name}\n")
        (folder / f"MILLSTREAM_{name}").symlink_to(data / f"MILLSTREAM_{name}")
    monkeypatch.setenv("MILLSTREAM_SECRETS", str(folder))
    return folder


def test_secrets_come_from_files(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of their settings, without the line's end; the environment is stronger."""
    monkeypatch.setenv("MILLSTREAM_STORE__SENTINEL_PASSWORD", "of the environment")
    settings = load_settings()
    assert settings.store.password == SecretStr("sesame STORE__PASSWORD")
    assert settings.store.sentinel_password == SecretStr("of the environment")
    assert settings.lake.erasure_key == SecretStr("sesame LAKE__ERASURE_KEY")


def test_files_of_others_are_none_of_our_business(mounted: Path) -> None:
    """Keys and key stores, in whichever bytes, in the same folder and below it."""
    (mounted / "keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    (mounted / "kafka").mkdir()
    (mounted / "kafka" / "MILLSTREAM_STORE__PASSWORD").write_text("another's")
    assert load_settings().store.password == SecretStr("sesame STORE__PASSWORD")


def test_a_secret_may_be_a_link_to_elsewhere(mounted: Path, tmp_path: Path) -> None:
    """As an agent writes them; it is never passed over in silence."""
    (tmp_path / "agent").write_text("of the agent\n")
    (mounted / "MILLSTREAM_SCHEMA_REGISTRY__PASSWORD").unlink()
    (mounted / "MILLSTREAM_SCHEMA_REGISTRY__PASSWORD").symlink_to(tmp_path / "agent")
    assert load_settings().schema_registry.password == SecretStr("of the agent")


@pytest.mark.parametrize("content", [b"ses\x80me", None], ids=["no text", "a link to nothing"])
def test_a_secret_that_cannot_be_read_is_told(mounted: Path, content: bytes | None) -> None:
    """By its name, without what it holds."""
    file = mounted / "MILLSTREAM_STORE__PASSWORD"
    file.unlink()
    file.symlink_to("nowhere") if content is None else file.write_bytes(content)
    with pytest.raises(SettingsError, match="MILLSTREAM_STORE__PASSWORD") as refused:
        load_settings()
    assert "x80" not in str(refused.value)


def test_a_secret_that_sets_nothing_is_refused(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like a variable of that name; and so is a folder that there is not."""
    (mounted / "MILLSTREAM_STORE__PASWORD").write_text("sesame")
    with pytest.raises(SettingsError, match="MILLSTREAM_STORE__PASWORD"):
        load_settings()
    monkeypatch.setenv("MILLSTREAM_SECRETS", str(mounted / "none"))
    with pytest.raises(SettingsError, match="MILLSTREAM_SECRETS"):
        load_settings()


@pytest.mark.parametrize("json_lines", [True, False])
def test_no_secret_is_shown(
    mounted: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], json_lines: bool
) -> None:
    """Not where settings are printed or logged, not by the traceback of code that holds one, not by what is wrong."""
    configure_logs(LogSettings(level="debug", json_lines=json_lines))
    try:
        settings = load_settings()
        opened = settings.store.password.get_secret_value() if settings.store.password else ""
        logger = structlog.get_logger("test")
        logger.info("settings", settings=settings, store=settings.store)
        logging.getLogger("test").warning("%s", settings.model_dump())
        try:
            raise ValueError(len(opened))
        except ValueError:
            logger.exception("failed")
            logging.getLogger("test").exception("failed")
        monkeypatch.setenv("MILLSTREAM_STORE__USERNAME", "me")
        monkeypatch.setenv("MILLSTREAM_STORE__CLUSTER", "sesame")
        monkeypatch.setenv("MILLSTREAM_STORE__SENTINELS", "sesame")
        with pytest.raises(SettingsError) as wrong:
            load_settings()
        logger.error("wrong", problem=str(wrong.value), exc_info=wrong.value)
    finally:
        structlog.reset_defaults()
        logging.basicConfig(force=True)
    text = capsys.readouterr().err
    assert "failed" in text
    assert "MILLSTREAM_STORE" in text
    assert "sesame" not in text


def test_a_child_process_is_told_secrets_as_they_are(mounted: Path) -> None:
    """And parts of parts by their whole names."""
    told = environment(load_settings())
    assert told["MILLSTREAM_STORE__PASSWORD"] == "sesame STORE__PASSWORD"
    assert told["MILLSTREAM_SCORER__AUTH__JWT_ALGORITHM"] == "RS256"
    assert "MILLSTREAM_SCORER__TLS__KEY" not in told
