"""What a model is given of a file's rows, by the kind of model: numbers, truths, names, the words of a text, pixels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from deploy.scaffold.columns import Column, Events
from features.errors import DomainError

MAX_CODES: Final = 50
_NUMBERS: Final = ("DOUBLE", "FLOAT", "DECIMAL", "BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UTINYINT", "USMALLINT")


class Coded(NamedTuple):
    """A column of few different texts, each of which stands for a number."""

    column: Column
    codes: tuple[str, ...]


class Pixels(NamedTuple):
    """A column of lists, each as long: one picture a row."""

    name: str
    given: str
    length: int


class Inputs(NamedTuple):
    """Of which columns the inputs are; what there is none of is empty."""

    numbers: tuple[Column, ...] = ()
    truths: tuple[Column, ...] = ()
    coded: tuple[Coded, ...] = ()
    text: Column | None = None
    pixels: Pixels | None = None

    @property
    def functions(self) -> dict[str, str]:
        """The function of ``transforms.py`` by the name of the column that it is of."""
        return {column.name: f"{column.name}_is_true" for column in self.truths} | {
            one.column.name: f"{one.column.name}_code" for one in self.coded
        }

    @property
    def taken(self) -> frozenset[str]:
        """The columns, as the file calls them."""
        columns = (*self.numbers, *self.truths, *(one.column for one in self.coded), *filter(None, [self.text]))
        return frozenset(column.given for column in columns) | ({self.pixels.given} if self.pixels else frozenset())


def find_inputs(connection: Any, rows: Events, model_type: str, target: Column | None) -> Inputs:
    """The inputs of a kind of model, none of which is the target; DomainError where the file has none."""
    columns = [column for column in rows.columns if column is not target and column.distinct > 1]
    numbers = tuple(column for column in columns if column.is_measure)
    truths = tuple(column for column in columns if column.type == "boolean")
    if model_type == "nlp":
        return Inputs(text=_text(rows, columns))
    if model_type == "computer_vision":
        return Inputs(pixels=_pixels(connection, rows))
    if not numbers:
        raise DomainError(rows.where, "has no number that could be an input", "bring one")
    if model_type == "clustering":
        return Inputs(numbers, truths)
    return Inputs(numbers, truths, tuple(_coded(connection, columns)))


def _coded(connection: Any, columns: list[Column]) -> Iterator[Coded]:
    for column in columns:
        if column.type == "string" and column.distinct <= MAX_CODES:
            found = connection.execute(
                f"SELECT DISTINCT {column.read} AS text FROM given WHERE text IS NOT NULL ORDER BY 1"  # noqa: S608 - quoted
            ).fetchall()
            yield Coded(column, tuple(text for (text,) in found))


def _text(rows: Events, columns: list[Column]) -> Column:
    texts = [column for column in columns if column.type == "string"]
    if not texts:
        raise DomainError(rows.where, "has no column of texts", "bring one, beside what is to be told of them")
    return max(texts, key=lambda column: column.distinct)


def _pixels(connection: Any, rows: Events) -> Pixels:
    """The only column of lists that are numbers, and all as long."""
    for given, kind, *_ in connection.execute("DESCRIBE given").fetchall():
        if kind.endswith("]") and kind.startswith(_NUMBERS):
            quoted = '"' + given.replace('"', '""') + '"'
            least, most = connection.execute(f"SELECT min(len({quoted})), max(len({quoted})) FROM given").fetchone()  # noqa: S608
            if least == most and most:
                return Pixels("pixels", given, most)
    raise DomainError(
        rows.where, "has no column of lists of numbers, all as long", "bring Parquet with the pixels of a picture"
    )
