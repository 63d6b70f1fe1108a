"""A schema registry by its REST interface: Confluent's, or any that speaks as it does (Karapace, Redpanda, Apicurio).

References
----------
Confluent, "Schema Registry API Reference": ``GET /schemas/ids/{id}``, ``GET /subjects/{subject}/versions/{version}``,
``POST /subjects/{subject}/versions``.

"""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import msgspec

from features.errors import SettingsError, UnavailableError
from features.formats.schemas import WriterSchema
from features.plan import AvroRecords, SourcePlan
from features.settings import SchemaRegistrySettings

NAME = "schema registry"
NO_SUCH_SCHEMA = 40403
_CONTENT = "application/vnd.schemaregistry.v1+json"


class _Reference(msgspec.Struct):
    subject: str
    version: int


class _Answer(msgspec.Struct, rename="camel"):
    schema: str
    schema_type: str = "AVRO"
    references: tuple[_Reference, ...] = ()


class _Registered(msgspec.Struct):
    id: int


class _Refusal(msgspec.Struct):
    error_code: int


class RegistryClient:
    """Asks a schema registry; what it says of an id is for ever, so the caller keeps it.

    Parameters
    ----------
    settings
        Where it is; the address must be set.

    """

    def __init__(self, settings: SchemaRegistrySettings) -> None:
        self._url = str(settings.url).rstrip("/")
        self._timeout_s = settings.timeout_s
        self._headers = {"Accept": _CONTENT}
        if settings.username is not None:
            password = "" if settings.password is None else settings.password.get_secret_value()
            pair = f"{settings.username}:{password}".encode()
            self._headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"

    def schema(self, schema_id: int) -> WriterSchema | None:
        """The schema of an id with all that it refers to; None if the registry says that there is none.

        Raises
        ------
        UnavailableError
            It does not answer, refuses us, or does not speak like a schema registry.

        """
        try:
            answer = self._get(f"/schemas/ids/{schema_id}")
        except urllib.error.HTTPError as error:
            if _refusal(error) == NO_SUCH_SCHEMA:
                return None
            raise UnavailableError(NAME, f"{self._url} answers {error.code} to schema {schema_id}") from error
        texts: dict[tuple[str, int], str] = {}
        try:
            self._follow(answer, texts)
        except urllib.error.HTTPError as error:
            raise UnavailableError(
                NAME, f"{self._url} answers {error.code} to a reference of schema {schema_id}"
            ) from error
        return WriterSchema(kind=answer.schema_type, text=answer.schema, references=tuple(texts.values()))

    def register(self, subject: str, kind: str, text: str) -> int:
        """Id of a schema under a subject, which gets it if it has not; UnavailableError if that is refused."""
        body = msgspec.json.encode({"schema": text, "schemaType": kind})
        try:
            registered: _Registered = self._call(f"/subjects/{quote(subject, safe='')}/versions", _Registered, body)
            return registered.id
        except urllib.error.HTTPError as error:
            raise UnavailableError(NAME, f"{self._url} answers {error.code} to a schema of {subject}") from error

    def ask(self) -> None:
        """UnavailableError if it does not answer."""
        try:
            self._call("/subjects", list[str])
        except urllib.error.HTTPError as error:
            raise UnavailableError(NAME, f"{self._url} answers {error.code}") from error

    def _follow(self, answer: _Answer, texts: dict[tuple[str, int], str]) -> None:
        """Put the texts of all schemas that one refers to, each behind those that it refers to itself."""
        for reference in answer.references:
            place = (reference.subject, reference.version)
            if place not in texts:
                referred = self._get(f"/subjects/{quote(reference.subject, safe='')}/versions/{reference.version}")
                self._follow(referred, texts)
                texts[place] = referred.schema

    def _get(self, path: str) -> _Answer:
        answer: _Answer = self._call(path, _Answer)
        return answer

    def _call(self, path: str, kind: type[Any], body: bytes | None = None) -> Any:
        headers = self._headers if body is None else {**self._headers, "Content-Type": _CONTENT}
        request = urllib.request.Request(self._url + path, data=body, headers=headers)  # noqa: S310 - http(s) by settings
        try:
            with urllib.request.urlopen(request, timeout=self._timeout_s) as response:  # noqa: S310 - as above
                return msgspec.json.decode(response.read(), type=kind)
        except urllib.error.HTTPError:
            raise
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            raise UnavailableError(NAME, f"{self._url}: {error}") from error


def open_registry(settings: SchemaRegistrySettings, source: SourcePlan) -> RegistryClient:
    """The registry of a source whose records begin with its ids; SettingsError where none is set."""
    if settings.url is None:
        raise SettingsError(
            "MILLSTREAM_SCHEMA_REGISTRY__URL",
            f"is not set, and records of topic {source.topic} name their schema by id (wire: confluent)",
            "set the registry's address",
        )
    return RegistryClient(settings)


def registry_of(settings: SchemaRegistrySettings, sources: Iterable[SourcePlan]) -> RegistryClient | None:
    """The registry that reading these sources needs; None where their records say all by themselves.

    Avro is the format whose fields have neither names nor numbers, so that only the schema tells them apart.
    """
    for source in sources:
        if source.wire == "confluent" and isinstance(source.format, AvroRecords):
            return open_registry(settings, source)
    return None


def _refusal(error: urllib.error.HTTPError) -> int | None:
    """The registry's own code of an error; None where something else answers."""
    try:
        with error:
            return msgspec.json.decode(error.read(), type=_Refusal).error_code
    except (msgspec.MsgspecError, OSError):
        return None
