"""Excel and OpenDocument sheets: the first row that is not empty names the columns, cells become texts.

A workbook is held in memory. Stays out: formulas (their last values are read) and formats of cells.
"""

import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO

import pyarrow as pa

from lakemill.collection.delivery import NO_ROWS, Piece, Refused, number_rows
from lakemill.config.sources import FilesSource, HttpSource

ROWS = 20_000  # a piece


def read_sheet(raw: BinaryIO, shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    """Read one sheet of a workbook.

    Parameters
    ----------
    raw : file
    shown : str
    source : FilesSource or HttpSource
        ``sheet`` names it; else it is the first.

    Yields
    ------
    Piece
        ``source_row`` is the number of the row in the sheet.
    """
    from python_calamine import CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(raw.read()))
        if source.sheet is not None and source.sheet not in book.sheet_names:
            yield Piece(NO_ROWS, [Refused(f"no sheet {source.sheet!r}; it has {', '.join(book.sheet_names)}", shown)])
            return
        sheet = book.get_sheet_by_name(source.sheet) if source.sheet else book.get_sheet_by_index(0)
        rows = sheet.to_python(skip_empty_area=False)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        # damaged workbooks also end in the library's own panics, which are no Exceptions
        yield Piece(NO_ROWS, [Refused(f"cannot be read: {str(error)[:300] or type(error).__name__}", shown)])
        return
    yield from _read_rows(rows, shown, source)


def _read_rows(rows: list[list[Any]], shown: str, source: FilesSource | HttpSource) -> Iterator[Piece]:
    first = next((number for number, row in enumerate(rows) if any(cell != "" for cell in row)), None)
    if first is None:
        yield Piece(NO_ROWS, [Refused("the sheet is empty", shown)])
        return
    places = [place for place, cell in enumerate(rows[first]) if cell != ""]
    names = [str(_as_text(rows[first][place])).strip() for place in places]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        yield Piece(NO_ROWS, [Refused(f"the header names {', '.join(map(repr, twice))} twice", shown)])
        return
    missing = set(source.missing)
    for start in range(first + 1, max(len(rows), first + 2), ROWS):
        values: list[list[str | None]] = [[] for _ in names]
        numbers: list[int] = []
        refused = []
        for number, row in enumerate(rows[start : start + ROWS], start=start + 1):
            cells = [_as_text(row[place]) if place < len(row) else None for place in places]
            if all(cell is None for cell in cells) and all(cell == "" for cell in row):
                continue
            if any(cell != "" for place, cell in enumerate(row) if place not in places):
                text = "; ".join(str(cell) for cell in row)
                refused.append(Refused("a value in a column without a name", shown, number, text[:10_000]))
                continue
            for column, cell in zip(values, cells, strict=True):
                column.append(None if cell in missing else cell)
            numbers.append(number)
        columns = {name: pa.array(column, pa.string()) for name, column in zip(names, values, strict=True)}
        yield Piece(number_rows(pa.table(columns), numbers), refused)


def _as_text(cell: Any) -> str | None:
    if cell is None or cell == "":
        return None
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.isoformat(sep=" ")
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    return str(cell)
