"""TLS to the store: the context that its connections share, and what a connection that fails says about a setting."""

from __future__ import annotations

import ssl
from typing import Final

from features.errors import MillstreamError, SettingsError, StoreUnavailableError
from features.settings import StoreSettings

NO_ANSWER: Final = (
    " before it answered anything; perhaps it speaks TLS where MILLSTREAM_STORE__TLS is off, or asks for a client"
    " certificate (MILLSTREAM_STORE__CERT_FILE)"
)
"""What to add where a connection was made and then ended without a word."""

_OUR_CERTIFICATE = ("CERTIFICATE_REQUIRED", "UNKNOWN_CA", "BAD_CERTIFICATE", "HANDSHAKE_FAILURE", "CERTIFICATE_EXPIRED")


def tls_context(settings: StoreSettings) -> ssl.SSLContext | None:
    """How to encrypt a connection to the store.

    Parameters
    ----------
    settings
        The files are read anew each time, so a certificate that was renewed is taken up by the next connection.

    Returns
    -------
    ssl.SSLContext or None
        None where the connection is to be plain.

    Raises
    ------
    SettingsError
        When a file is missing or is not what it should be.

    """
    if not settings.tls:
        return None
    try:
        context = ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise SettingsError(
            "MILLSTREAM_STORE__CA_FILE", f"{settings.ca_file} cannot be read ({error})", "name a PEM file"
        ) from error
    if settings.cert_file is not None and settings.key_file is not None:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file, password=lambda: b"")  # never ask a terminal
        except (OSError, ValueError) as error:
            raise SettingsError(
                "MILLSTREAM_STORE__CERT_FILE",
                f"{settings.cert_file} and {settings.key_file} cannot be used ({error})",
                "name a certificate and its key, not encrypted, as PEM files",
            ) from error
    return context


def connection_error(address: str, settings: StoreSettings, error: Exception) -> MillstreamError:
    """What a connection that was not made, or ended in its first moments, means.

    Parameters
    ----------
    address
        The server, as errors name it.
    settings
        How it was spoken to.
    error
        What the socket or TLS said.

    Returns
    -------
    MillstreamError
        SettingsError where a setting of ours cannot be right, else StoreUnavailableError.

    """
    if isinstance(error, ssl.SSLCertVerificationError):
        return SettingsError(
            "MILLSTREAM_STORE__CA_FILE",
            f"the certificate of {address} is not trusted ({error.verify_message.rstrip('.')})",
            "name the authority that signed it, and the server by a name that stands in it",
        )
    if isinstance(error, ssl.SSLError):
        reason = (error.reason or str(error)).upper()
        if "WRONG_VERSION_NUMBER" in reason:
            return SettingsError("MILLSTREAM_STORE__TLS", f"{address} does not speak TLS", "name its TLS port")
        if any(problem in reason for problem in _OUR_CERTIFICATE):
            return SettingsError(
                "MILLSTREAM_STORE__CERT_FILE",
                f"{address} refuses the client certificate ({reason.lower().replace('_', ' ')})",
                "name one that the server's authority has signed, with its key",
            )
    if isinstance(error, TimeoutError):
        hint = " (is it a TLS port?)" if settings.tls else ""
        return StoreUnavailableError(f"store {address}", f"no connection within {settings.timeout_s:g} s{hint}")
    hint = NO_ANSWER if isinstance(error, ssl.SSLError) else ""
    return StoreUnavailableError(f"store {address}", f"{error}{hint}")
