"""Whom records of a binary format name that were refused: read as far as a declaration of their topic reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from features.erasure import named_in
from features.errors import UnavailableError
from features.formats import open_parser
from features.formats.schemas import SchemaBook
from features.plan import JsonRecords, SourcePlan


class RecordNames:
    """Finds the entities that raw values name, by the parsers of their topic.

    Parameters
    ----------
    sources
        Declarations of the topic, one or, where several plans run, more; each is tried.
    schemas
        Where records that name the schema they were written with find it.

    """

    def __init__(self, sources: Sequence[SourcePlan], schemas: SchemaBook) -> None:
        binary = [source for source in sources if not isinstance(source.format, JsonRecords)]
        self._readers = [(open_parser(each, schemas), [column.name for column in each.columns]) for each in binary]
        self._text = len(binary) < len(sources)

    def of(self, value: bytes, kafka_us: int, keys: Sequence[str]) -> Iterable[tuple[str, ...]] | None:
        """Entities that a record names.

        Parameters
        ----------
        value, kafka_us
            The record.
        keys
            Join keys.

        Returns
        -------
        iterable of tuple or None
            Their values as text; None where nobody can read the record, though it may name somebody.

        """
        readers = [(parser, columns) for parser, columns in self._readers if {*keys} <= {*columns}]
        for parser, columns in readers:
            try:
                records = parser.parse([value], [kafka_us], {})
            except UnavailableError:
                continue  # its schema is not at hand
            if records[0] is not None:
                read = parser.columns(records)
                named = [read[columns.index(key)][0] for key in keys]
                return [] if None in named else [tuple(map(str, named))]
        return named_in(value, keys) if self._text or not readers else None


def open_names(sources: Sequence[SourcePlan], schemas: SchemaBook) -> RecordNames | None:
    """What reads the raw values of a topic; None where they are text."""
    binary = any(not isinstance(source.format, JsonRecords) for source in sources)
    return RecordNames(sources, schemas) if binary else None
