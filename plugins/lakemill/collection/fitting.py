"""What of a delivery does not fit the columns of its table: refused beside what does, an error where nothing does.

Stays out: what fits (``headers.py``, ``lake/streams.py``).
"""

import json
from collections.abc import Callable
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.delivery import LONGEST_TEXT, NO_ROWS, PROVENANCE, Piece, Refused
from lakemill.collection.headers import Headers
from lakemill.exceptions import LakemillError, MisfitError

CONTRADICTS = "has fields whose names differ in capitals alone, which do not tell columns of a table apart"


class Fitting:
    """What of one delivery did not fit.

    Parameters
    ----------
    headers : Headers or None
        Judges columns, where what comes has files; without it whatever does not fit is an error, as all comes of one
        query.
    """

    def __init__(self, headers: Headers | None) -> None:
        self._headers = headers
        self._first: LakemillError | None = None
        self._told: set[tuple[str, str]] = set()

    def admit(self, piece: Piece) -> Piece:
        """Bring the columns of a piece to the table's names, and refuse it where they cannot be a file's.

        Parameters
        ----------
        piece : Piece
            As it was read.

        Returns
        -------
        Piece
        """
        rows = piece.rows
        if self._headers is None or not set(rows.column_names) - set(PROVENANCE):
            return piece
        rows, contradictory = self._headers.spell(rows, is_sparse=piece.is_sparse)
        refused = [*piece.refused, *(_refuse_row(row, CONTRADICTS) for row in contradictory.to_pylist())]
        fault = None if piece.is_sparse else self._headers.find_fault(rows.column_names)
        if fault is None:
            return replace(piece, rows=rows, refused=refused)
        self._first = self._first or fault
        return Piece(
            NO_ROWS.append_column("source_file", pa.array([], pa.string())),
            [*refused, *self._refuse_file(piece, fault)],
        )

    def fit(self, piece: Piece, write: Callable[[pa.Table, bool], None]) -> Piece:
        """Write the rows of a piece that fit.

        Parameters
        ----------
        piece : Piece
        write : callable
            Takes rows, and whether they may lack columns; or raises MisfitError and has taken nothing.

        Returns
        -------
        Piece
            The rows that were written, and what is refused.

        Raises
        ------
        MisfitError
            If something does not fit, and there are no ``headers``.
        """
        rows, refused = piece.rows, list(piece.refused)
        while True:
            try:
                write(rows, piece.is_sparse)
                return replace(piece, rows=rows, refused=refused)
            except MisfitError as error:
                if self._headers is None:
                    raise
                self._first = self._first or error
                if error.columns and piece.is_sparse:
                    rows, found = _set_aside(rows, error)
                    refused += found
                else:
                    return Piece(rows.slice(0, 0), [*refused, *self._refuse_file(piece, error)])

    def require_any(self, rows: int) -> None:
        """Raise what did not fit where nothing else came.

        Parameters
        ----------
        rows : int
            Number of those that fit.

        Raises
        ------
        MisfitError
            Or a CollectionError, where the column is missing by which a delivery is cut.
        """
        if rows == 0 and self._first is not None:
            raise self._first

    def _refuse_file(self, piece: Piece, error: LakemillError) -> list[Refused]:
        found = []
        for name in _files_of(piece):
            if (name, error.problem) not in self._told:
                self._told.add((name, error.problem))
                found.append(Refused(_tell(error), name))
        return found


def _files_of(piece: Piece) -> list[str]:
    if piece.source_file is not None:
        return [piece.source_file]
    return [str(name) for name in pc.unique(piece.rows.column("source_file")).to_pylist()]


def _set_aside(rows: pa.Table, error: MisfitError) -> tuple[pa.Table, list[Refused]]:
    """Take the columns that do not fit out of rows, and the rows that have values in them."""
    has_value = pa.array([False] * len(rows))
    for name in error.columns:
        has_value = pc.or_(has_value, pc.is_valid(rows.column(name)))
    refused = [_refuse_row(row, _tell(error)) for row in rows.filter(has_value).to_pylist()]
    return rows.filter(pc.invert(has_value)).drop_columns(list(error.columns)), refused


def _refuse_row(row: dict[str, object], reason: str) -> Refused:
    said = {name: value for name, value in row.items() if value is not None and name not in PROVENANCE}
    text = json.dumps(said, ensure_ascii=False, default=str)[:LONGEST_TEXT]
    return Refused(reason, str(row["source_file"]), int(str(row["source_row"])), text)


def _tell(error: LakemillError) -> str:
    return f"{error.problem}: {error.remedy}"
