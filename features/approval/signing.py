"""Signatures of people: a private key in a file of their own, the public one in ``model.yaml``.

Keys are Ed25519. The private one is PEM (PKCS 8), as ``openssl genpkey -algorithm ed25519`` makes it too. The public
one is written ``ed25519:`` and its 32 bytes in base64.
"""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from features.errors import RequestError, SettingsError
from features.model_file import KEY_PREFIX

KEY_SETTING: Final = "MILLSTREAM_APPROVAL__KEY"


class SigningKey:
    """A private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key

    @property
    def public(self) -> str:
        """The public key to it, as ``model.yaml`` names it."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return KEY_PREFIX + base64.b64encode(raw).decode()

    def sign(self, message: bytes) -> str:
        """Signature of a message, in base64."""
        return base64.b64encode(self._key.sign(message)).decode()


def read_key(path: Path) -> SigningKey:
    """The private key in a file.

    Parameters
    ----------
    path
        Of a PEM file, not encrypted.

    Returns
    -------
    SigningKey
        Ready to sign.

    Raises
    ------
    SettingsError
        The file cannot be read, others may read it too, or it holds no such key.

    """
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise SettingsError(KEY_SETTING, f"{path} is open to others", f"chmod 600 {path}")
        key = load_pem_private_key(path.read_bytes(), None)
    except OSError as error:
        raise SettingsError(KEY_SETTING, f"{path} cannot be read ({error.strerror})", "name your key file") from error
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SettingsError(KEY_SETTING, f"{path} holds no Ed25519 key", "make one with `millstream signer`")
    return SigningKey(key)


def make_key(path: Path) -> SigningKey:
    """A new private key in a new file, for its owner's eyes only.

    Parameters
    ----------
    path
        Where to write it.

    Returns
    -------
    SigningKey
        The key.

    Raises
    ------
    RequestError
        There is a file of that name, or it cannot be made.

    """
    key = Ed25519PrivateKey.generate()
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise RequestError("--key", f"{path} cannot be made ({error.strerror})", "name a new file") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return SigningKey(key)


def is_signed(message: bytes, signature: str, public: str) -> bool:
    """Whether a message was signed by the owner of a public key.

    Parameters
    ----------
    message
        What was signed.
    signature
        In base64.
    public
        As `SigningKey.public` gives it.

    Returns
    -------
    bool
        False as well where signature or key are none.

    """
    try:
        raw = base64.b64decode(public.removeprefix(KEY_PREFIX), validate=True)
        Ed25519PublicKey.from_public_bytes(raw).verify(base64.b64decode(signature, validate=True), message)
    except (ValueError, binascii.Error, InvalidSignature):
        return False
    return public.startswith(KEY_PREFIX)
