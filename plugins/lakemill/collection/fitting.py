"""Rows that do not fit the columns of their table: refused beside others that do, an error where none does.

Stays out: what fits (``lake/streams.py``).
"""

import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.delivery import LONGEST_TEXT, PROVENANCE, Piece, Refused
from lakemill.collection.files import SPARSE
from lakemill.exceptions import MisfitError


class Fitting:
    """What of one delivery did not fit.

    Parameters
    ----------
    is_sparse : bool
        Whether each row has columns of its own, as in JSON: then rows are refused one by one, else files;
        files whose names say that they are JSON are known without.
    is_strict : bool
        Whether what does not fit is always an error: where all comes of one query.
    """

    def __init__(self, *, is_sparse: bool, is_strict: bool = False) -> None:
        self._is_sparse = is_sparse
        self._is_strict = is_strict
        self._first: MisfitError | None = None
        self._told: set[tuple[str, str]] = set()

    def fit(self, piece: Piece, write: Callable[[pa.Table], None]) -> Piece:
        """Write the rows of a piece that fit.

        Parameters
        ----------
        piece : Piece
        write : callable
            Takes rows, or raises MisfitError and has taken nothing.

        Returns
        -------
        Piece
            The rows that were written, and what is refused.

        Raises
        ------
        MisfitError
            If something does not fit, and ``is_strict``.
        """
        rows, refused = piece.rows, list(piece.refused)
        while True:
            try:
                write(rows)
                return Piece(rows, refused)
            except MisfitError as error:
                if self._is_strict:
                    raise
                self._first = self._first or error
                if error.columns and (self._is_sparse or _is_json(rows)):
                    rows, found = _set_aside(rows, error)
                    refused += found
                else:
                    return Piece(rows.slice(0, 0), [*refused, *self._refuse_file(rows, error)])

    def require_any(self, rows: int) -> None:
        """Raise what did not fit where nothing else came.

        Parameters
        ----------
        rows : int
            Number of those that fit.

        Raises
        ------
        MisfitError
        """
        if rows == 0 and self._first is not None:
            raise self._first

    def _refuse_file(self, rows: pa.Table, error: MisfitError) -> list[Refused]:
        found = []
        for name in pc.unique(rows.column("source_file")).to_pylist():
            if (name, error.problem) not in self._told:
                self._told.add((name, error.problem))
                found.append(Refused(_tell(error), name))
        return found


def _is_json(rows: pa.Table) -> bool:
    names = pc.unique(rows.column("source_file")).to_pylist()
    return bool(names) and all(any(part in name for part in SPARSE) for name in names)


def _set_aside(rows: pa.Table, error: MisfitError) -> tuple[pa.Table, list[Refused]]:
    """Take the columns that do not fit out of rows, and the rows that have values in them."""
    has_value = pa.array([False] * len(rows))
    for name in error.columns:
        has_value = pc.or_(has_value, pc.is_valid(rows.column(name)))
    refused = []
    for row in rows.filter(has_value).to_pylist():
        said = {name: value for name, value in row.items() if value is not None and name not in PROVENANCE}
        text = json.dumps(said, ensure_ascii=False, default=str)[:LONGEST_TEXT]
        refused.append(Refused(_tell(error), row["source_file"], row["source_row"], text))
    return rows.filter(pc.invert(has_value)).drop_columns(list(error.columns)), refused


def _tell(error: MisfitError) -> str:
    return f"{error.problem}: {error.remedy}"
