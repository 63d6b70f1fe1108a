"""Secrets that addresses hold, and texts for people without them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, unquote

HIDDEN: Final = "***"


def credentials_of(url: str) -> str:
    """What stands before the host of an address, as it is written; empty where nothing does.

    Examples
    --------
    >>> credentials_of("http://me:sesame@host:5000")
    'me:sesame'
    >>> credentials_of("me:sesame@host")
    'me:sesame'

    """
    before, separator, after = url.partition("://")
    return (after if separator else before).rpartition("@")[0]


def passwords_of(url: str) -> tuple[str, ...]:
    """The password of an address, as it is written and as it is meant; empty where it has none.

    Examples
    --------
    >>> passwords_of("http://me:open%20sesame@host:5000")
    ('open%20sesame', 'open sesame')

    """
    password = credentials_of(url).partition(":")[2]
    return (password, unquote(password)) if password else ()


def without(text: str, secrets: Iterable[str]) -> str:
    """A text that may repeat secrets, as they are or as an address writes them, with `HIDDEN` in their places.

    Examples
    --------
    >>> without("no host at open%20sesame nor at open sesame", ["open sesame"])
    'no host at *** nor at ***'

    """
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return text
