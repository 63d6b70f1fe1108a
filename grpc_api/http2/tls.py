"""TLS of the scorer's port: its context, renewed when the files are, and who a caller's certificate says it is."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import structlog

from features.errors import SettingsError
from features.settings import TlsSettings
from grpc_api.file_stamp import FileStamp, stamp_of

logger: Final = structlog.get_logger(__name__)

HTTP2: Final = "h2"
HTTP1: Final = "http/1.1"
"""Protocols that callers agree to in the handshake (ALPN)."""
SETTING: Final = "MILLSTREAM_SCORER__TLS__"
CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2; HTTP/2 forbids the others (RFC 9113, appendix A). TLS 1.3 has no bad ones."""


class ServerTls:
    """The certificate of a port, and whose certificates callers must show.

    Attributes
    ----------
    context
        For the listener. Each handshake takes what the files held when they were last looked at.

    """

    def __init__(self, settings: TlsSettings, protocol: str = HTTP2) -> None:
        self._settings = settings
        self._protocol = protocol
        self._seen = self._stamps()
        self._problem: str | None = None
        self.context = self._current = server_context(settings, protocol)
        self.context.sni_callback = self._choose  # is asked whether or not the caller names the server

    def look_anew(self) -> None:
        """Take up files that were renewed.

        While they are wrong, what they held before stays, and they are read again each time.
        """
        stamps = self._stamps()
        if self._problem is None and stamps == self._seen:
            return
        try:
            self._current = server_context(self._settings, self._protocol)
        except SettingsError as error:
            if str(error) != self._problem:
                logger.error("certificate_not_renewed", problem=str(error))
            self._problem = str(error)
        else:
            self._seen, self._problem = stamps, None
            logger.info("certificate_renewed", file=str(self._settings.certificate))

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        connection.context = self._current

    def _stamps(self) -> tuple[FileStamp | None, ...]:
        settings = self._settings
        return tuple(map(_stamp, (settings.certificate, settings.key, settings.client_ca)))


def open_tls(settings: TlsSettings, protocol: str) -> ServerTls | None:
    """The TLS that settings ask for; None where the port is plain."""
    return None if settings.certificate is None else ServerTls(settings, protocol)


def server_context(settings: TlsSettings, protocol: str) -> ssl.SSLContext:
    """The context that the files make; SettingsError when one cannot be used."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # without tickets: a connection resumed by one would not look at certificates that were renewed since
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_ciphers(CIPHERS)
    context.set_alpn_protocols([protocol])
    assert settings.certificate is not None
    try:
        context.load_cert_chain(settings.certificate, settings.key, password=lambda: b"")  # never ask a terminal
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{SETTING}CERTIFICATE",
            f"{settings.certificate} and {settings.key} cannot be used ({error})",
            "name a certificate and its key, not encrypted, as PEM files",
        ) from error
    if settings.client_ca is not None:
        try:
            context.load_verify_locations(settings.client_ca)
        except (OSError, ValueError) as error:
            raise SettingsError(
                f"{SETTING}CLIENT_CA", f"{settings.client_ca} cannot be used ({error})", "name a PEM file"
            ) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def speaks_http2(connection: ssl.SSLObject) -> bool:
    """Whether the caller agreed to it in the handshake."""
    return connection.selected_alpn_protocol() == HTTP2


def name_on(certificate: Mapping[str, Any] | None) -> str | None:
    """Whom a certificate, as `ssl.SSLObject.getpeercert` gives it, names.

    The first URI (as SPIFFE has it), else the first DNS name, else the common name.

    >>> name_on({"subject": ((("commonName", "checkout"),),)})
    'checkout'
    """
    if not certificate:
        return None
    alternatives = certificate.get("subjectAltName", ())
    for kind in ("URI", "DNS"):
        for its_kind, name in alternatives:
            if its_kind == kind:
                return str(name)
    return next(
        (str(value) for part in certificate.get("subject", ()) for name, value in part if name == "commonName"), None
    )


def _stamp(path: Path | None) -> FileStamp | None:
    try:
        return None if path is None else stamp_of(path)
    except OSError:
        return None
