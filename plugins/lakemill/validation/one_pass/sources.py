"""Where the rows of a pass come from: a table, Parquet files, a dataset, or a function that gives batches.

Rows come again when they are asked for again: what the pass leaves to Great Expectations is read a second time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from lakemill.validation.one_pass.slices import Positions

BATCH_ROWS = 1 << 17
DICTIONARY_BYTES = 4  # a value; texts that take less in a Parquet file are written as numbers of a dictionary's entries

Batches = Iterable[pa.RecordBatch]


class Source(Protocol):
    """Rows with a schema, which can be read more than once."""

    @property
    def schema(self) -> pa.Schema:
        """The columns."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns; texts may come encoded as dictionaries."""


Rows: TypeAlias = "pa.Table | ds.Dataset | str | Path | Sequence[Path] | Callable[[], Batches]"


def open_source(rows: Rows) -> Source:
    """Return the source of rows.

    Parameters
    ----------
    rows : pyarrow.Table, pyarrow.dataset.Dataset, path or paths of Parquet files, or callable
        A callable gives the record batches anew each time it is called.
    """
    if isinstance(rows, pa.Table):
        return OfTable(rows)
    if isinstance(rows, ds.Dataset):
        return OfDataset(rows)
    if callable(rows):
        return OfFunction(rows)
    return OfParquet([rows] if isinstance(rows, str | Path) else list(rows))


def read_rows(source: Source, positions: Positions, columns: Sequence[str]) -> pa.Table:
    """Return the rows at ascending positions."""
    schema = _some_of(source.schema, columns)
    kept, first, left = [], 0, positions
    for batch in source.batches(columns) if len(left) else ():
        here = int(np.searchsorted(left, first + batch.num_rows))
        if here:
            kept.append(_as_in(schema, batch.take(pa.array(left[:here] - first))))
        first, left = first + batch.num_rows, left[here:]
        if not len(left):
            break
    return pa.Table.from_batches(kept, schema=schema)


def read_table(source: Source, columns: Sequence[str]) -> pa.Table:
    """Read some columns whole."""
    schema = _some_of(source.schema, columns)
    return pa.Table.from_batches([_as_in(schema, batch) for batch in source.batches(columns)], schema=schema)


class OfTable:
    """The rows of a table."""

    def __init__(self, table: pa.Table) -> None:
        self.schema = table.schema
        self._table = table

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        yield from self._table.select(list(columns)).to_batches(max_chunksize=BATCH_ROWS)


class OfDataset:
    """The rows of a dataset, such as a Delta table's."""

    def __init__(self, dataset: ds.Dataset) -> None:
        self.schema = dataset.schema
        self._dataset = dataset

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns, in order."""
        scanner = self._dataset.scanner(
            columns=list(columns), batch_size=BATCH_ROWS, batch_readahead=2, fragment_readahead=1
        )
        yield from scanner.to_batches()


class OfFunction:
    """The batches that a function gives."""

    def __init__(self, function: Callable[[], Batches]) -> None:
        self._function = function
        self.schema = next(iter(function())).schema

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns."""
        for batch in self._function():
            chosen = batch.select(list(columns))
            yield from (chosen.slice(start, BATCH_ROWS) for start in range(0, max(1, batch.num_rows), BATCH_ROWS))


class OfParquet:
    """The rows of Parquet files, one after the other."""

    def __init__(self, paths: Sequence[str | Path]) -> None:
        self._paths = paths
        self.schema = pq.read_schema(paths[0])

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns, a row group after the other; repeated texts stay encoded."""
        for path in self._paths:
            with pq.ParquetFile(path, pre_buffer=False) as plain:
                encoded = [name for name in columns if _is_encoded(plain, name)]
                groups = plain.num_row_groups
            with pq.ParquetFile(path, read_dictionary=encoded, pre_buffer=False) as file:
                for group in range(groups):
                    yield from file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(columns))


def _is_encoded(file: pq.ParquetFile, name: str) -> bool:
    """Tell whether a column of texts is short in a file, which then holds a dictionary of few texts."""
    field = file.schema_arrow.field(name)
    if field.type not in (pa.string(), pa.large_string()) or not file.metadata.num_rows:
        return False
    place = next(at for at in range(file.metadata.num_columns) if file.schema.column(at).path == name)
    groups = [file.metadata.row_group(group).column(place) for group in range(file.metadata.num_row_groups)]
    return sum(one.total_uncompressed_size for one in groups) < DICTIONARY_BYTES * file.metadata.num_rows


def _as_in(schema: pa.Schema, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch without the encoding that a column has not of its own."""
    columns = [
        column if column.type == field.type else column.dictionary_decode()
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.record_batch(columns, schema=schema)


def _some_of(schema: pa.Schema, columns: Sequence[str]) -> pa.Schema:
    return pa.schema([schema.field(name) for name in columns])
