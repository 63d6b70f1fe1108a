"""Where a dataset is, as ``model.yaml`` writes it, and with the secrets that it names.

``${NAME}`` stands for the environment variable of that name, or for the content of the file of that name in the folder
of mounted secrets. What people, logs, lineage and the model card are told is the text with its placeholders.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from features.errors import DomainError
from features.secret_words import credentials_of, passwords_of, without
from features.settings.tree import SECRETS

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_SECRET_PARAMETER: Final = re.compile(r"[?&]([^=&]*(?:password|secret|token|api_?key)[^=&]*)=([^&]+)", re.IGNORECASE)
_REMEDY: Final = "write ${NAME} there, and set NAME in the environment"


class Address(NamedTuple):
    """``shown`` is for people, ``url`` for whoever connects; ``secrets`` are what stood for placeholders."""

    shown: str
    url: str
    secrets: tuple[str, ...]

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Address({self.shown!r})"

    @property
    def scheme(self) -> str:
        """What stands before ``://``, without a driver; empty for a path."""
        head, separator, _ = self.url.partition("://")
        return head.partition("+")[0].lower() if separator else ""

    def cleaned(self, problem: object) -> str:
        """What a library says of a failure: one line, without the secrets."""
        return without(" ".join(str(problem).split()), self.secrets)


def address_of(where: str, url: str, environment: Mapping[str, str] = os.environ) -> Address:
    """Put secrets in the places of placeholders; DomainError where one is not set, or stands there itself.

    ``where`` is the place of the URL in ``model.yaml``.
    """
    if not url:
        raise DomainError(where, "is empty", "name a file, a folder or a database")
    _refuse_secrets(where, url)
    secrets: list[str] = []
    _, _, rest = url.rpartition("://")
    begin = len(url) - len(rest)
    credentials_end = url.rfind("@", begin)
    parameters_begin = url.find("?", begin)

    def value(match: re.Match[str]) -> str:
        found = _value(where, match[1], environment)
        secrets.append(found)
        in_parameters = 0 <= parameters_begin < match.start()
        return quote(found, safe="") if match.start() < credentials_end or in_parameters else found

    filled = _PLACEHOLDER.sub(value, url)
    return Address(url, filled, (*secrets, *passwords_of(filled)))


def _value(where: str, name: str, environment: Mapping[str, str]) -> str:
    if name in environment:
        return environment[name]
    folder = environment.get(SECRETS)
    if folder and (file := Path(folder, name)).is_file():
        return file.read_text(encoding="utf-8").strip()
    raise DomainError(
        where, f"names ${{{name}}}, which is not set", f"set it in the environment, or as a file of ${SECRETS}"
    )


def _refuse_secrets(where: str, url: str) -> None:
    """DomainError where a secret is written down."""
    _, colon, password = credentials_of(url).partition(":")
    if colon and not _PLACEHOLDER.fullmatch(password):
        raise DomainError(where, "holds a password", _REMEDY)
    for name, value in _SECRET_PARAMETER.findall(url):
        if not _PLACEHOLDER.fullmatch(value):
            raise DomainError(where, f"holds a secret, {name}", _REMEDY)
