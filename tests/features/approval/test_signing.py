"""Keys of people: made once, for their owner's eyes, and known by the public half."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from features.approval.identity import Identity, identity, user_name
from features.approval.signing import is_signed, make_key, read_key
from features.errors import RequestError, SettingsError
from tests.features.approval.people import PEOPLE, said


def test_a_key_signs_what_its_public_half_proves(tmp_path: Path) -> None:
    """After it was written and read again, too."""
    made = make_key(tmp_path / "key")
    key = read_key(tmp_path / "key")
    assert key.public == made.public
    signature = key.sign(b"message")
    assert is_signed(b"message", signature, made.public)
    assert not is_signed(b"massage", signature, made.public)
    assert not is_signed(b"message", signature, make_key(tmp_path / "other").public)


def test_a_key_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """It is made so, never over another, and refused once others may read it."""
    path = tmp_path / "key"
    make_key(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(RequestError, match="cannot be made"):
        make_key(path)
    path.chmod(0o640)
    with pytest.raises(SettingsError, match=r"open to others; chmod 600"):
        read_key(path)


@pytest.mark.parametrize("content", [b"", b"key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, words, a PEM of nothing."""
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(SettingsError, match="holds no Ed25519 key"):
        read_key(path)
    with pytest.raises(SettingsError, match="cannot be read"):
        read_key(tmp_path / "nowhere")


def test_who_acts_is_whose_key_it_is(tmp_path: Path) -> None:
    """By the name that the domain gives the key; a key that it does not name is nobody's."""
    public = make_key(tmp_path / "key").public
    assert identity(tmp_path / "key", {**PEOPLE, "fay": public}).name == "fay"
    with pytest.raises(SettingsError, match="belongs to nobody in people"):
        identity(tmp_path / "key", PEOPLE)


def test_without_a_key_it_is_the_user_and_can_sign_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system says who that is; what the environment says does not count."""
    before = user_name()
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "ann")
    assert identity(None, PEOPLE) == Identity(before)
    with pytest.raises(SettingsError, match="names no key"):
        Identity(before).sign(said("ann", "approved"))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl: apt-get install openssl")
def test_a_key_that_openssl_made_will_do(tmp_path: Path) -> None:
    """The format is a common one."""
    path = tmp_path / "key"
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", path], check=True)
    path.chmod(0o600)
    assert read_key(path).public.startswith("ed25519:")
