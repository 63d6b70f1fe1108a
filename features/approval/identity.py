"""Who acts: the owner of the key that the settings name, or else the user of this machine."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from features.approval.signing import KEY_SETTING, SigningKey, read_key
from features.approval.statements import Statement
from features.errors import SettingsError


class Identity(NamedTuple):
    """A person of the domain with their key, or (without one) a user of the machine, who can sign nothing."""

    name: str
    key: SigningKey | None = None

    def sign(self, statement: Statement) -> Statement:
        """The statement with this person's name and signature; SettingsError without a key."""
        if self.key is None:
            raise SettingsError(KEY_SETTING, "names no key, and this has to be signed", "set it to your key file")
        return statement.signed(self.key)


def identity(key_file: Path | None, people: Mapping[str, str]) -> Identity:
    """Who acts.

    Parameters
    ----------
    key_file
        Of a private key, as the settings name it.
    people
        Public keys by name, as ``model.yaml`` states them.

    Returns
    -------
    Identity
        Named by the domain, where there is a key.

    Raises
    ------
    SettingsError
        The file holds no key, or one that belongs to nobody of the domain.

    """
    if key_file is None:
        return Identity(user_name())
    key = read_key(key_file)
    for name, public in people.items():
        if public == key.public:
            return Identity(name, key)
    raise SettingsError(KEY_SETTING, f"{key_file} belongs to nobody in people of model.yaml", f"add {key.public} there")


def user_name() -> str:
    """The account that this process runs under, by the system's word and not by the environment's.

    Returns
    -------
    str
        ``uid N`` where the system has no name for it, as in some containers.

    """
    if sys.platform == "win32":
        return getpass.getuser()
    import pwd  # which only POSIX has

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"
