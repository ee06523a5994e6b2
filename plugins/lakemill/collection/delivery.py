"""The contract of all kinds of sources: a request for a partition, and the delivery that answers it piece by piece.

Stays out: any one kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from lakemill.config import Partition
from lakemill.lake import Lake

# columns that the lake adds to the rows of raw tables
PROVENANCE = ("partition", "source_file", "source_row", "delivery", "ingested_at")
LONGEST_TEXT = 10_000  # characters of what was refused that are kept beside the reason
LONGEST_NAME = 255  # characters of a column's name


@dataclass(frozen=True)
class Refused:
    """Something delivered that is no row.

    Attributes
    ----------
    reason : str
    source_file : str
        What it came in: a path, an address, a topic.
    source_row : int or None
        Number of the record in it, from 1, as good rows have theirs; None for all of it.
    text : str
        As delivered, as far as it can be shown; at most `LONGEST_TEXT` characters.
    line : int or None
        Of a text file, the number of the line that the record begins in, from 1.
    """

    reason: str
    source_file: str
    source_row: int | None = None
    text: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a delivery that fits into memory.

    Attributes
    ----------
    rows : pyarrow.Table
        With ``source_file`` (text) and ``source_row`` (int64, from 1) beside the delivered columns.
    refused : sequence of Refused
    source_file : str or None
        What all of it came in, also where there are no rows; None where it is not from one file.
    is_sparse : bool
        Whether each row may have columns of its own, as in JSON.
    """

    rows: pa.Table
    refused: Sequence[Refused] = ()
    source_file: str | None = None
    is_sparse: bool = False


def number_rows(rows: pa.Table, numbers: Sequence[int] | Any) -> pa.Table:
    """Add the numbers of records as the last column, whatever the others are called.

    Parameters
    ----------
    rows : pyarrow.Table
    numbers : sequence of int
        From 1.

    Examples
    --------
    >>> number_rows(pa.table({"source_row": ["a"]}), [1]).column_names
    ['source_row', 'source_row']
    """
    return rows.append_column("source_row", pa.array(numbers, pa.int64()))


NO_ROWS = number_rows(pa.table({}), [])


@dataclass(frozen=True)
class Delivery:
    """What a source delivers for a partition, or for all.

    Attributes
    ----------
    location : str
        Where it comes from, as it is shown to people.
    fingerprint : str or None
        Found without reading it, and another one whenever something new was delivered; None where that cannot be told.
    pieces : callable
        Reads it from the beginning: an iterator of Piece, always in the same order and the same pieces. What it opens
        it closes, also when it is closed early.
    is_whole : bool
        Whether it holds all partitions, told apart by the source's ``event_time``.
    is_sparse : bool
        Whether a row may lack any column, as in JSON.
    peek : callable
        Gives the columns of some of its files, each a list, without reading their rows; none where there is one only.
    """

    location: str
    fingerprint: str | None
    pieces: Callable[[], Iterator[Piece]]
    is_whole: bool = False
    is_sparse: bool = False
    peek: Callable[[], list[list[str]]] = list


@dataclass(frozen=True)
class Credentials:
    """What a connection of Airflow says.

    Attributes
    ----------
    host, login, password, schema : str or None
    port : int or None
    extra : mapping
    """

    host: str | None = None
    login: str | None = None
    password: str | None = None
    schema: str | None = None
    port: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


class Connections(Protocol):
    """Where connections come from: in a task from Airflow, in a test from the test."""

    def credentials(self, connection: str) -> Credentials:
        """Return what a connection says; raise CollectionError where there is none."""

    def engine(self, connection: str) -> Any:
        """Return a SQLAlchemy engine for a connection; raise CollectionError where there is none."""


@dataclass(frozen=True)
class Request:
    """What is asked of a source.

    Attributes
    ----------
    source : str
        Its name in the workflow file.
    partition : Partition
        How the workflow is cut.
    key : str
        The partition that is wanted.
    lake : Lake
    project : Path
        What relative paths start at.
    where : str
        Workflow file and key, for errors.
    connections : Connections
    scratch : Path
        A folder for temporary files, removed afterwards.
    """

    source: str
    partition: Partition
    key: str
    lake: Lake
    project: Path
    where: str
    connections: Connections
    scratch: Path
