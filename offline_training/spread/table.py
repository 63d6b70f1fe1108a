"""A training set as a folder of Parquet files, of which each worker reads its share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from offline_training.training_table import LABEL, TIME, feature_names

BLOCKS_OF_FILE: Final = 64
"""Row groups of a file at most: they are dealt to the workers in turn, so that each has rows of all times."""


class Block(NamedTuple):
    """The first ``n_rows`` rows of a row group."""

    path: Path
    group: int
    n_rows: int


class SpreadTable(NamedTuple):
    """``labels`` and ``at_us`` are of all rows, which are in order of time; ``n_shares`` workers learn from them."""

    files: tuple[Path, ...]
    names: tuple[str, ...]
    labels: np.ndarray
    at_us: np.ndarray
    n_shares: int

    def tables(self) -> Iterator[pa.Table]:
        """All of it, a file at a time."""
        return (pq.read_table(path) for path in self.files)

    def blocks(self, n_rows: int) -> list[Block]:
        """Where the first rows are."""
        found: list[Block] = []
        for path in self.files:
            groups = pq.read_metadata(path)
            for group in range(groups.num_row_groups):
                here = min(groups.row_group(group).num_rows, n_rows)
                if here:
                    found.append(Block(path, group, here))
                n_rows -= here
        return found


def open_table(folder: Path, n_shares: int) -> SpreadTable:
    """The table of a folder that `offline_training.dask_dataset` wrote."""
    files = tuple(sorted(folder.glob("*.parquet")))
    known = pa.concat_tables([pq.read_table(path, columns=[TIME, LABEL]) for path in files])
    at_us = known[TIME].cast(pa.int64()).to_numpy()
    return SpreadTable(files, feature_names(pq.read_schema(files[0])), known[LABEL].to_numpy(), at_us, n_shares)


def write_blocks(table: pa.Table, path: Path) -> None:
    """Write one of its files."""
    pq.write_table(table, path, row_group_size=max(1, -(-table.num_rows // BLOCKS_OF_FILE)))


def deal(blocks: Sequence[Block], n: int) -> list[list[Block]]:
    """Blocks in at most ``n`` shares, none of them empty."""
    return [list(blocks[first::n]) for first in range(min(n, len(blocks)))]


def load(blocks: Sequence[Block], names: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Rows ``[n, k]`` and labels of a share."""
    rows = np.empty((sum(block.n_rows for block in blocks), len(names)), np.float64)
    labels = np.empty(len(rows), np.float64)
    at = 0
    for block in blocks:
        table = pq.ParquetFile(block.path).read_row_group(block.group, columns=[*names, LABEL]).slice(0, block.n_rows)
        fill(rows[at : at + block.n_rows], table, names)
        labels[at : at + block.n_rows] = table[LABEL].to_numpy()
        at += block.n_rows
    return rows, labels


def fill(rows: np.ndarray, table: pa.Table, names: Sequence[str]) -> None:
    """Put the features of a table into rows ``[n, k]``."""
    for number, name in enumerate(names):
        rows[:, number] = table[name].to_numpy()
