"""The secret key of a site, under which forgotten entities are hashed: a setting, or a file of the state folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from features.errors import SettingsError
from features.settings import Settings

FILE = "erasure.key"
SETTING = "MILLSTREAM_LAKE__ERASURE_KEY"
BYTES = 32


def read_erasure_key(settings: Settings, project: str) -> bytes | None:
    """The site's key; None where no entity was ever forgotten here.

    Parameters
    ----------
    settings
        Where the key is, or the state folder.
    project
        Which domain.

    Raises
    ------
    SettingsError
        It is no key.

    """
    if settings.lake.erasure_key is not None:
        return _parsed(settings.lake.erasure_key.get_secret_value(), SETTING)
    path = settings.state_dir(project) / FILE
    return _parsed(path.read_text(), str(path)) if path.exists() else None


def make_erasure_key(settings: Settings, project: str) -> bytes:
    """The site's key; made, for its owner's eyes only, where there is none.

    Parameters
    ----------
    settings, project
        See `read_erasure_key`.

    Returns
    -------
    bytes
        The same at every later call.

    """
    known = read_erasure_key(settings, project)
    if known is not None:
        return known
    path = settings.state_dir(project) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{FILE}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        Path.hardlink_to(path, fresh)  # unlike a rename, never over a key that someone else has just made
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return _parsed(path.read_text(), str(path))


def _parsed(text: str, where: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != BYTES:
        raise SettingsError(where, f"is not {2 * BYTES} hexadecimal digits", "bring back the site's own key")
    return key
